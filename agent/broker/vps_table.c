#include "vps_table.h"

#include <string.h>

struct vps_table {
    const struct agent_config *config;
    struct vps_entry **entries;
    size_t count, capacity;
};

static void clear(struct vps_entry *entry)
{
    if (entry->has_spec) {
        spec_finish(&entry->spec);
    }
    vps_state_finish(&entry->state);
    entry->has_spec = entry->has_record = false;
}

static void load(const struct vps_table *table, struct vps_entry *entry, const char *vps)
{
    clear(entry);
    struct err err = {0};
    int r = vps_state_load(table->config, vps, &entry->state, &err);
    entry->has_record = r == 0;
    snprintf(entry->state.vps, sizeof(entry->state.vps), "%s", vps);
    entry->has_spec = r == 0 && entry->state.spec &&
                      spec_decode(table->config, vps, entry->state.generation, entry->state.spec,
                                  &entry->spec, &err) == 0;
}

static struct vps_entry *add(struct vps_table *table)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        void *grown = realloc(table->entries, capacity * sizeof(*table->entries));
        if (!grown) {
            abort();
        }
        table->entries = grown;
        table->capacity = capacity;
    }
    struct vps_entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        abort();
    }
    return table->entries[table->count++] = entry;
}

static void remove_at(struct vps_table *table, size_t index)
{
    clear(table->entries[index]);
    free(table->entries[index]);
    table->count--;
    memmove(&table->entries[index], &table->entries[index + 1],
            (table->count - index) * sizeof(*table->entries));
}

int vps_table_create(const struct agent_config *config, struct vps_table **ret_table,
                     struct err *err)
{
    _cleanup_free_ char(*ids)[37] = NULL;
    size_t count = 0;
    int r = vps_state_list(config, &ids, &count, err);
    if (r < 0) {
        return r;
    }
    struct vps_table *table = calloc(1, sizeof(*table));
    if (!table) {
        abort();
    }
    table->config = config;
    for (size_t i = 0; i < count; i++) {
        struct vps_entry *entry = add(table);
        load(table, entry, ids[i]);
        entry->observed = entry->state.observed;
        entry->dirty = true;
    }
    *ret_table = table;
    return 0;
}

void vps_table_destroy(struct vps_table *table)
{
    if (!table) {
        return;
    }
    while (table->count > 0) {
        remove_at(table, table->count - 1);
    }
    free(table->entries);
    free(table);
}

static size_t index_of(const struct vps_table *table, const char *vps)
{
    size_t i = 0;
    while (i < table->count && strcmp(table->entries[i]->state.vps, vps) != 0) {
        i++;
    }
    return i;
}

struct vps_entry *vps_table_find(const struct vps_table *table, const char *vps)
{
    return vps_table_at(table, index_of(table, vps));
}

struct vps_entry *vps_table_at(const struct vps_table *table, size_t index)
{
    return index < table->count ? table->entries[index] : NULL;
}

struct vps_entry *vps_table_refresh(struct vps_table *table, const char *vps)
{
    char id[37]; // vps may be the entry's own
    snprintf(id, sizeof(id), "%s", vps);
    size_t index = index_of(table, id);
    struct vps_entry *entry = vps_table_at(table, index);
    struct vps_state state = {0};
    int r = vps_state_load(table->config, id, &state, NULL);
    vps_state_finish(&state);
    if (r == ERR_NOT_FOUND) {
        if (entry) {
            remove_at(table, index);
        }
        return NULL;
    }
    if (!entry) {
        entry = add(table);
    }
    load(table, entry, id);
    return entry;
}
