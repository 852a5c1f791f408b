#include "fine.h"

#include "macro.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 9500, NUMBER_MAX = 21 }; // a timer may be early

struct column {
    size_t offset; // in struct usage_counters
    uint64_t unit; // what one is, in the unit of the counter
    bool is_level;
};

#define RISES(member, unit)                                                                        \
    {                                                                                              \
        offsetof(struct usage_counters, member), unit, false                                       \
    }
#define LEVEL(member)                                                                              \
    {                                                                                              \
        offsetof(struct usage_counters, member), 1024, true                                        \
    }

// In the order of docs/agent-protocol.md and of croft_series_points().
static const struct column columns[FINE_VALUES] = {
    RISES(cpu_ns, 1000),
    LEVEL(memory_bytes),
    LEVEL(memory_anon_bytes),
    LEVEL(disk_bytes),
    RISES(io_read_bytes, 1),
    RISES(io_write_bytes, 1),
    RISES(io_read_ops, 1),
    RISES(io_write_ops, 1),
    RISES(net_rx_bytes, 1),
    RISES(net_tx_bytes, 1),
    RISES(net_rx_packets, 1),
    RISES(net_tx_packets, 1),
    RISES(net_rx_inside_bytes, 1),
    RISES(net_tx_inside_bytes, 1),
    RISES(net_rx_outside_bytes, 1),
    RISES(net_tx_outside_bytes, 1),
};

static uint64_t value_of(const struct usage_counters *values, const struct column *column)
{
    return *(const uint64_t *)(const void *)((const char *)values + column->offset);
}

static void set_base(struct fine *fine, int64_t mono_ms, const struct usage_counters *total)
{
    fine->base = *total;
    fine->base_ms = mono_ms;
    fine->has_base = true;
}

void fine_add(struct fine *fine, int64_t mono_ms, const struct usage_counters *total)
{
    if (!fine->has_base || mono_ms < fine->base_ms) {
        set_base(fine, mono_ms, total);
        return;
    }
    if (mono_ms - fine->base_ms < STEP_MS) {
        return;
    }
    if (fine->count == FINE_POINTS_MAX) {
        memmove(fine->points, fine->points + 1, sizeof(fine->points[0]) * (FINE_POINTS_MAX - 1));
        fine->count--;
    }
    struct fine_point *point = &fine->points[fine->count++];
    *point = (struct fine_point){.at_ms = mono_ms, .took_ms = mono_ms - fine->base_ms};
    for (size_t i = 0; i < FINE_VALUES; i++) {
        uint64_t now = value_of(total, &columns[i]);
        uint64_t before = columns[i].is_level ? 0 : value_of(&fine->base, &columns[i]);
        point->values[i] = now > before ? (now - before) / columns[i].unit : 0;
    }
    set_base(fine, mono_ms, total);
}

char *fine_take(struct fine *fine, int64_t mono_ms)
{
    if (fine->count == 0) {
        return NULL;
    }
    size_t size = (size_t)fine->count * (FINE_VALUES + 2) * NUMBER_MAX + 1, len = 0;
    char *text = malloc(size);
    if (!text) {
        abort();
    }
    for (int i = 0; i < fine->count; i++) {
        const struct fine_point *point = &fine->points[i];
        len +=
            (size_t)snprintf(text + len, size - len, "%s%" PRId64 ",%" PRId64, i > 0 ? ";" : "",
                             mono_ms > point->at_ms ? mono_ms - point->at_ms : 0, point->took_ms);
        for (size_t j = 0; j < FINE_VALUES; j++) {
            len += (size_t)snprintf(text + len, size - len, ",%" PRIu64, point->values[j]);
        }
    }
    fine->count = 0;
    return text;
}
