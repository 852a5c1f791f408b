#include "filter_all.h"

#include "config.h"
#include "file.h"
#include "filter_base.h"
#include "filter_file.h"
#include "filter_guest.h"
#include "filter_left.h"
#include "helper.h"
#include "json.h"
#include "vps_state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct guest {
    char vps[37];
    unsigned slot;
    char *text; // NULL: it cannot be read
    bool refused;
    bool absent; // left out of an attempt
};

struct guests {
    struct guest *items;
    size_t count;
};

static void cleanup_guests(struct guests *guests)
{
    for (size_t i = 0; i < guests->count; i++) {
        free(guests->items[i].text);
    }
    free(guests->items);
}

int filter_run(const char *text, size_t len, enum filter_mode mode, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "making room for nftables commands");
    }
    int r = file_write_all(fd, text, len, err);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0) {
        r = err_errno(err, errno, "writing nftables commands");
    }
    return r < 0 ? r : helper_run("nft", mode == FILTER_CHECK ? "check" : NULL, fd, err);
}

// ---- What is on disk

static int read_slot(const struct agent_config *config, struct guest *guest, struct err *err)
{
    struct vps_state state = {0};
    int slot = guest->text ? filter_file_slot(guest->text) : -1;
    if (slot < 0) {
        int r = vps_state_load(config, guest->vps, &state, err);
        if (r < 0) {
            return err_wrap(err, "the slot of vps %s", guest->vps);
        }
        slot = (int)json_get_int(state.spec, "slot", -1);
        vps_state_finish(&state);
    }
    guest->slot = (unsigned)slot;
    return slot < 0 ? err_set(err, ERR_INTERNAL, "vps %s has no slot", guest->vps) : 0;
}

// One that is refused already is cut off before it is tried again.
static int read_guest(const struct agent_config *config, const char *vps, struct guest *guest,
                      bool *ret_has, struct err *err)
{
    _cleanup_free_ char *why = NULL;
    struct err failure = {0};
    snprintf(guest->vps, sizeof(guest->vps), "%s", vps);
    int unread = filter_file_load(config, vps, &guest->text, &failure);
    int unknown = filter_refused_load(config, vps, &why, &failure);
    guest->refused = unread < 0 || unknown < 0 || why;
    *ret_has = guest->text || guest->refused;
    if (unread < 0 && !why) {
        struct err unheard = {0};
        (void)!filter_refused_save(config, vps, failure.text, &unheard);
    }
    return *ret_has ? read_slot(config, guest, err) : 0;
}

static int read_guests(const struct agent_config *config, struct guests *guests, struct err *err)
{
    char path[PATH_MAX];
    char(*ids)[37] = NULL;
    size_t count = 0;
    snprintf(path, sizeof(path), "%s/vps", config->state_dir);
    if (access(path, F_OK) < 0 && errno == ENOENT) {
        return 0; // before the first vps
    }
    int r = vps_state_list(config, &ids, &count, err);
    if (r < 0) {
        return r;
    }
    guests->items = calloc(count + 1, sizeof(*guests->items));
    if (!guests->items) {
        abort();
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        bool has = false;
        struct guest *guest = &guests->items[guests->count];
        r = read_guest(config, ids[i], guest, &has, err);
        guests->count += has;
    }
    free(ids);
    return r;
}

// ---- The table

// What stands in the way of the ruleset, as a chain of another type under one of its names, goes with the table: in
// the same transaction.
static const char anew[] = "add table inet croft\ndelete table inet croft\n"
                           "add table arp croft\ndelete table arp croft\n";

// What guests had is taken back before any of them gets its own: two that claim the same are found out.
static void write_all(const struct agent_config *config, const struct guests *guests,
                      FILE *commands)
{
    fputs(anew, commands);
    filter_base_write(config, commands);
    for (size_t i = 0; i < guests->count; i++) {
        const struct guest *guest = &guests->items[i];
        fputs(guest->text ? filter_file_undo(guest->text) : "", commands);
    }
    for (size_t i = 0; i < guests->count; i++) {
        const struct guest *guest = &guests->items[i];
        if (guest->refused) {
            filter_guest_cut_off(guest->slot, commands);
        } else if (!guest->absent) {
            fwrite(guest->text, 1, (size_t)(filter_file_undo(guest->text) - guest->text), commands);
        }
    }
}

// Into the table that is there, or in its place.
static int attempt(const struct agent_config *config, const struct guests *guests,
                   enum filter_mode mode, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *commands = open_memstream(&text, &len);
    if (!commands) {
        abort();
    }
    write_all(config, guests, commands);
    fclose(commands);
    struct err unheard = {0};
    if (filter_run(text + strlen(anew), len - strlen(anew), mode, &unheard) == 0) {
        return 0;
    }
    return filter_run(text, len, mode, err);
}

static void set_absent(struct guests *guests, size_t from, size_t to, bool absent)
{
    for (size_t i = from; i < to; i++) {
        guests->items[i].absent = absent;
    }
}

// Finds in [from, to), halving, those that are refused beside the ones before them.
static void sift(const struct agent_config *config, struct guests *guests, size_t from, size_t to)
{
    struct err why = {0};
    struct err unheard = {0};
    set_absent(guests, from, to, false);
    if (attempt(config, guests, FILTER_CHECK, &why) == 0) {
        return;
    }
    if (to - from == 1) {
        guests->items[from].refused = true;
        (void)!filter_refused_save(config, guests->items[from].vps, why.text, &unheard);
        return;
    }
    set_absent(guests, from, to, true);
    sift(config, guests, from, from + (to - from) / 2);
    sift(config, guests, from + (to - from) / 2, to);
}

// That without any guest's part is the node's own trouble, and nobody's fault.
static int sift_all(const struct agent_config *config, struct guests *guests, struct err *err)
{
    set_absent(guests, 0, guests->count, true);
    int r = attempt(config, guests, FILTER_CHECK, err);
    if (r < 0) {
        return r;
    }
    if (guests->count > 0) {
        sift(config, guests, 0, guests->count);
    }
    return attempt(config, guests, FILTER_COMMIT, err);
}

// Those that were refused the last time, each by itself: what stood against it may be gone.
static void try_again(const struct agent_config *config, struct guest *guest)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    struct err unheard = {0};
    FILE *commands = open_memstream(&text, &len);
    if (!commands) {
        abort();
    }
    filter_guest_undo_slot(guest->slot, commands);
    fwrite(guest->text, 1, (size_t)(filter_file_undo(guest->text) - guest->text), commands);
    fclose(commands);
    if (filter_run(text, len, FILTER_COMMIT, &unheard) == 0) {
        (void)!filter_refused_save(config, guest->vps, NULL, &unheard);
    }
}

static int remove_left(const struct guests *guests, struct err *err)
{
    unsigned char known[FILTER_SLOTS / 8] = {0};
    for (size_t i = 0; i < guests->count; i++) {
        unsigned slot = guests->items[i].slot % FILTER_SLOTS;
        known[slot / 8] |= (unsigned char)(1U << slot % 8);
    }
    return filter_left_remove(known, err);
}

int filter_all_run(const struct agent_config *config, enum filter_all how, struct err *err)
{
    _cleanup_(cleanup_guests) struct guests guests = {0};
    int r = read_guests(config, &guests, err);
    if (r < 0) {
        return r;
    }
    r = attempt(config, &guests, FILTER_COMMIT, err);
    if (how == FILTER_ALL_OR_NOTHING) {
        return r;
    }
    if (r < 0) {
        return sift_all(config, &guests, err);
    }
    for (size_t i = 0; i < guests.count; i++) {
        if (guests.items[i].refused && guests.items[i].text) {
            try_again(config, &guests.items[i]);
        }
    }
    return remove_left(&guests, err);
}
