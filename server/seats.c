#include "seats.h"

#include "limits_private.h"

// Whoever exchanges until_ms has the seat: a time that is over for one in the future. That one is always later than any that
// the seat had before, so that no holder takes another's for its own.

static int claim(struct limits *limits, int64_t now_ms, struct seat_hold *ret_hold)
{
    for (int i = 0; i < LIMIT_SEATS; i++) {
        int64_t until_ms = atomic_load(&limits->seats[i].until_ms);
        if (until_ms <= now_ms && atomic_compare_exchange_strong(&limits->seats[i].until_ms,
                                                                 &until_ms, now_ms + SEAT_MS)) {
            int used = atomic_load(&limits->seats_used);
            while (used <= i && !atomic_compare_exchange_weak(&limits->seats_used, &used, i + 1)) {
            }
            *ret_hold = (struct seat_hold){i, now_ms + SEAT_MS};
            return 0;
        }
    }
    return ERR_UNAVAILABLE;
}

struct taken {
    int by_credential, by_tenant;
};

static struct taken count(struct limits *limits, uint64_t credential, uint64_t tenant,
                          int64_t now_ms)
{
    struct taken taken = {0};
    int used = atomic_load(&limits->seats_used);
    for (int i = 0; i < used; i++) {
        struct seat *seat = &limits->seats[i];
        if (atomic_load(&seat->until_ms) > now_ms) {
            taken.by_credential += atomic_load(&seat->credential) == credential;
            taken.by_tenant += tenant != 0 && atomic_load(&seat->tenant) == tenant;
        }
    }
    return taken;
}

int seats_take(struct limits *limits, const struct seat_ask *ask, int64_t now_ms,
               struct seat_hold *ret_hold, struct err *err)
{
    struct seat_hold hold;
    if (claim(limits, now_ms, &hold) < 0) {
        return err_set(err, ERR_UNAVAILABLE, "There is no room for another stream: try again.");
    }
    uint64_t credential = limits_key(limits, ask->credential);
    uint64_t tenant = ask->tenant ? limits_key(limits, ask->tenant) : 0;
    atomic_store(&limits->seats[hold.index].credential, credential);
    atomic_store(&limits->seats[hold.index].tenant, tenant);
    // Sits down, then counts: of several at once whoever counts last sees all.
    struct taken taken = count(limits, credential, tenant, now_ms);
    if (taken.by_credential <= ask->per_credential && taken.by_tenant <= ask->per_tenant) {
        *ret_hold = hold;
        return 0;
    }
    seats_leave(limits, &hold);
    if (taken.by_credential > ask->per_credential) {
        return err_set(err, ERR_RATE_LIMITED, "%d streams are open with these credentials.",
                       ask->per_credential);
    }
    return err_set(err, ERR_RATE_LIMITED, "%d streams of this tenant are open.", ask->per_tenant);
}

void seats_keep(struct limits *limits, struct seat_hold *hold, int64_t now_ms)
{
    if (hold->index < 0 || hold->until_ms >= now_ms + SEAT_MS) {
        return;
    }
    int64_t until_ms = hold->until_ms;
    if (atomic_compare_exchange_strong(&limits->seats[hold->index].until_ms, &until_ms,
                                       now_ms + SEAT_MS)) {
        hold->until_ms = now_ms + SEAT_MS;
    } else {
        hold->index = -1;
    }
}

void seats_leave(struct limits *limits, struct seat_hold *hold)
{
    if (hold->index < 0) {
        return;
    }
    int64_t until_ms = hold->until_ms;
    atomic_compare_exchange_strong(&limits->seats[hold->index].until_ms, &until_ms, 0);
    hold->index = -1;
}
