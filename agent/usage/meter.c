#include "meter.h"

#include "fine.h"
#include "json.h"
#include "rfc3339.h"
#include "uuid.h"

#include <stddef.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

struct counter {
    const char *name;
    size_t offset; // in struct usage_counters
    // As it is; only rises; rises, and began at zero with the device and the table that count it; as it is, and told to nobody.
    enum { LEVEL, RISES, CLASSED, OWN } kind;
};

#define COUNTER(member, its_kind)                                                                  \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct usage_counters, member), .kind = its_kind       \
    }

// In the order of the arrays on disk: new ones come last.
static const struct counter counters[] = {
    COUNTER(cpu_ns, RISES),
    COUNTER(memory_bytes, LEVEL),
    COUNTER(memory_anon_bytes, LEVEL),
    COUNTER(disk_bytes, LEVEL),
    COUNTER(io_read_bytes, RISES),
    COUNTER(io_write_bytes, RISES),
    COUNTER(io_read_ops, RISES),
    COUNTER(io_write_ops, RISES),
    COUNTER(net_rx_bytes, RISES),
    COUNTER(net_tx_bytes, RISES),
    COUNTER(net_rx_packets, RISES),
    COUNTER(net_tx_packets, RISES),
    COUNTER(pids, LEVEL),
    COUNTER(oom_kills, RISES),
    COUNTER(net_rx_inside_bytes, CLASSED),
    COUNTER(net_tx_inside_bytes, CLASSED),
    COUNTER(net_rx_outside_bytes, CLASSED),
    COUNTER(net_tx_outside_bytes, CLASSED),
    COUNTER(net_gaps, RISES),
    COUNTER(net_device, OWN),
    COUNTER(net_table, OWN),
};

struct meter {
    TAILQ_ENTRY(meter) link;
    char vps[UUID_LEN + 1];
    char boot[UUID_LEN + 1];
    char before[UUID_LEN + 1]; // the boot before it, which is over and counted; "": none
    int64_t seq; // the last one given
    struct usage_counters raw; // as last read
    struct usage_counters total; // as last reported or to be reported
    struct timespec at, mono;
    bool due; // sampled since it was last taken
    struct fine fine; // of what is to be reported
};

TAILQ_HEAD(meter_list, meter);

struct meters {
    struct meter_list list; // by vps
    struct meter_list ended; // last samples of a boot that is over, due, in order
};

static uint64_t *value_at(struct usage_counters *values, const struct counter *counter)
{
    return (uint64_t *)(void *)((char *)values + counter->offset);
}

static uint64_t value_of(const struct usage_counters *values, const struct counter *counter)
{
    return *(const uint64_t *)(const void *)((const char *)values + counter->offset);
}

struct meters *meters_create(void)
{
    struct meters *meters = calloc(1, sizeof(*meters));
    if (!meters) {
        abort();
    }
    TAILQ_INIT(&meters->list);
    TAILQ_INIT(&meters->ended);
    return meters;
}

static void clear(struct meter_list *list)
{
    for (struct meter *meter; (meter = TAILQ_FIRST(list));) {
        TAILQ_REMOVE(list, meter, link);
        free(meter);
    }
}

void meters_destroy(struct meters *meters)
{
    if (meters) {
        clear(&meters->list);
        clear(&meters->ended);
        free(meters);
    }
}

static struct meter *find(const struct meters *meters, const char *vps)
{
    struct meter *meter;
    TAILQ_FOREACH (meter, &meters->list, link) {
        if (strcmp(meter->vps, vps) == 0) {
            return meter;
        }
    }
    return NULL;
}

static struct meter *find_or_add(struct meters *meters, const char *vps)
{
    struct meter *meter = find(meters, vps);
    if (!meter) {
        meter = calloc(1, sizeof(*meter));
        if (!meter) {
            abort();
        }
        snprintf(meter->vps, sizeof(meter->vps), "%s", vps);
        TAILQ_INSERT_TAIL(&meters->list, meter, link);
    }
    return meter;
}

// The container was started anew: everything counts from zero. A sample of the boot before that was
// not reported yet waits in `ended`. Counted: classes are, from the beginning.
static void begin_boot(struct meters *meters, struct meter *meter, const char *start, bool counted)
{
    if (meter->due) {
        struct meter *last = malloc(sizeof(*last));
        if (!last) {
            abort();
        }
        *last = *meter;
        last->seq++;
        TAILQ_INSERT_TAIL(&meters->ended, last, link);
    }
    snprintf(meter->before, sizeof(meter->before), "%s", meter->boot);
    snprintf(meter->boot, sizeof(meter->boot), "%s", start);
    meter->seq = 0;
    meter->raw = meter->total = (struct usage_counters){0};
    meter->total.net_gaps = counted ? 0 : 1;
    meter->fine = (struct fine){0};
}

static bool is_same_count(const struct usage_counters *a, const struct usage_counters *b)
{
    return a->net_device == b->net_device && a->net_table == b->net_table;
}

// The table went, or somebody emptied it: what passed since the sample before is of no class.
static bool has_lost_classes(const struct usage_counters *now, const struct usage_counters *before)
{
    if (!is_same_count(now, before)) {
        return now->net_table != before->net_table && before->net_table != 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        if (counters[i].kind == CLASSED &&
            value_of(now, &counters[i]) < value_of(before, &counters[i])) {
            return true;
        }
    }
    return false;
}

// Adds to the totals what has risen since the sample before.
static void add(struct meter *meter, const struct usage_counters *raw)
{
    bool same = is_same_count(raw, &meter->raw);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        uint64_t now = value_of(raw, &counters[i]);
        uint64_t before = value_of(&meter->raw, &counters[i]);
        uint64_t *total = value_at(&meter->total, &counters[i]);
        if (counters[i].kind == LEVEL || counters[i].kind == OWN) {
            *total = now;
        } else {
            bool goes_on = now >= before && (same || counters[i].kind != CLASSED);
            *total += goes_on ? now - before : now;
        }
    }
    meter->total.net_gaps += has_lost_classes(raw, &meter->raw);
    meter->raw = *raw;
}

// What cannot be read any more says nothing of what was counted: a guest's end takes its device and its cgroups away one after
// another, and a guest can delete its device.
static void keep_unread(const struct usage_counters *before, struct usage_counters *now)
{
    bool has_device = now->net_device != 0;
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        uint64_t *value = value_at(now, &counters[i]);
        bool unread =
            counters[i].kind == RISES ? *value == 0 : counters[i].kind != LEVEL && !has_device;
        if (unread) {
            *value = value_of(before, &counters[i]);
        }
    }
}

// Of the end of the boot that `before` is of: it is the highest of both, whichever was read first. Levels go on until the end.
static void keep_higher(const struct usage_counters *before, struct usage_counters *now)
{
    keep_unread(before, now);
    bool same = is_same_count(now, before);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        uint64_t *value = value_at(now, &counters[i]);
        uint64_t was = value_of(before, &counters[i]);
        bool higher = counters[i].kind == RISES || (counters[i].kind == CLASSED && same);
        if ((higher && was > *value) || (counters[i].kind == LEVEL && was > 0)) {
            *value = was;
        }
    }
}

static int64_t mono_ms(const struct meter *meter)
{
    return (int64_t)meter->mono.tv_sec * 1000 + meter->mono.tv_nsec / 1000000;
}

void meters_sample(struct meters *meters, const char *vps, const char *start,
                   const struct usage_counters *raw)
{
    struct meter *meter = find_or_add(meters, vps);
    if (strcmp(meter->boot, start) != 0) {
        begin_boot(meters, meter, start, raw->net_table != 0);
    }
    struct usage_counters now = *raw;
    keep_unread(&meter->raw, &now);
    add(meter, &now);
    clock_gettime(CLOCK_REALTIME, &meter->at);
    clock_gettime(CLOCK_BOOTTIME, &meter->mono);
    fine_add(&meter->fine, mono_ms(meter), &meter->total);
    meter->due = true;
}

// A sample that was taken while its guest ended may be later than the end.
static void set_time(struct meter *meter, const struct last *last, bool anew)
{
    int64_t mono_ns = (int64_t)meter->mono.tv_sec * 1000000000 + meter->mono.tv_nsec;
    if (anew || last->mono_ns > mono_ns) {
        meter->at = (struct timespec){last->at_ms / 1000, last->at_ms % 1000 * 1000000};
        meter->mono = (struct timespec){last->mono_ns / 1000000000, last->mono_ns % 1000000000};
    }
}

bool meters_end(struct meters *meters, const struct last *last)
{
    struct meter *meter = find_or_add(meters, last->vps);
    bool anew = strcmp(meter->boot, last->boot) != 0;
    if (strcmp(meter->before, last->boot) == 0) {
        return false;
    }
    if (anew) {
        begin_boot(meters, meter, last->boot, last->counters.net_table != 0);
    }
    struct usage_counters now = last->counters;
    keep_higher(&meter->raw, &now);
    if (!anew && memcmp(&now, &meter->raw, sizeof(now)) == 0) {
        return true; // counted already
    }
    add(meter, &now);
    set_time(meter, last, anew);
    fine_add(&meter->fine, mono_ms(meter), &meter->total);
    meter->due = true;
    return true;
}

// A counter past 2^63 would be a kernel's mistake; JSON integers end there.
static json_t *json_u64(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *sample_json(const struct meter *meter)
{
    char ts[RFC3339_SIZE];
    rfc3339_ms((int64_t)meter->at.tv_sec * 1000 + meter->at.tv_nsec / 1000000, ts);
    json_int_t mono_ns = (json_int_t)meter->mono.tv_sec * 1000000000 + meter->mono.tv_nsec;
    json_t *sample = json_pack("{s:s, s:s, s:I, s:s, s:I}", "vps", meter->vps, "boot", meter->boot,
                               "seq", (json_int_t)meter->seq, "ts", ts, "mono_ns", mono_ns);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        if (counters[i].kind == OWN) {
            continue;
        }
        json_object_set_new(sample, counters[i].name,
                            json_u64(value_of(&meter->total, &counters[i])));
    }
    return sample;
}

static json_t *values_json(const struct usage_counters *values)
{
    json_t *array = json_array();
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        json_array_append_new(array, json_u64(value_of(values, &counters[i])));
    }
    return array;
}

static json_t *kept_json(const struct meter *meter)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "vps", meter->vps, "boot", meter->boot,
                     "before", meter->before, "seq", (json_int_t)meter->seq, "raw",
                     values_json(&meter->raw), "total", values_json(&meter->total));
}

static void take(struct meter *meter, json_t *samples, json_t *kept)
{
    json_t *sample = sample_json(meter);
    _cleanup_free_ char *fine = fine_take(&meter->fine, mono_ms(meter));
    if (fine) {
        json_object_set_new(sample, "fine", json_string(fine));
    }
    json_array_append_new(samples, sample);
    json_array_append_new(kept, kept_json(meter));
    meter->due = false;
}

static bool is_wanted(const struct meter *meter, const char *vps)
{
    return !vps || strcmp(meter->vps, vps) == 0;
}

size_t meters_take(struct meters *meters, const char *vps, size_t max, json_t **ret_samples,
                   json_t **ret_kept)
{
    json_t *samples = *ret_samples = json_array();
    json_t *kept = *ret_kept = json_array();
    struct meter *meter = TAILQ_FIRST(&meters->ended);
    while (meter && json_array_size(samples) < max) {
        struct meter *next = TAILQ_NEXT(meter, link);
        if (is_wanted(meter, vps)) {
            take(meter, samples, kept);
            TAILQ_REMOVE(&meters->ended, meter, link);
            free(meter);
        }
        meter = next;
    }
    TAILQ_FOREACH (meter, &meters->list, link) {
        if (json_array_size(samples) >= max) {
            break;
        }
        if (meter->due && is_wanted(meter, vps)) {
            meter->seq++;
            take(meter, samples, kept);
        }
    }
    return json_array_size(samples);
}

void meters_put_back(struct meters *meters, const json_t *samples)
{
    size_t i;
    const json_t *sample;
    json_array_foreach ((json_t *)(uintptr_t)samples, i, sample) {
        struct meter *meter = find(meters, json_get_string(sample, "vps", ""));
        // The last sample of an ended boot is lost to a full disk; its usage is a gap of that boot.
        if (meter && strcmp(meter->boot, json_get_string(sample, "boot", "")) == 0) {
            meter->due = true;
        }
    }
}

json_t *meters_save(const struct meters *meters)
{
    json_t *kept = json_array();
    const struct meter *meter;
    TAILQ_FOREACH (meter, &meters->list, link) {
        json_array_append_new(kept, kept_json(meter));
    }
    return kept;
}

static void restore_values(const json_t *array, struct usage_counters *values)
{
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        json_int_t value = json_integer_value(json_array_get(array, i));
        *value_at(values, &counters[i]) = value > 0 ? (uint64_t)value : 0;
    }
}

void meters_restore(struct meters *meters, const json_t *kept)
{
    size_t i;
    const json_t *item;
    json_array_foreach ((json_t *)(uintptr_t)kept, i, item) {
        const char *vps = json_get_string(item, "vps", "");
        const char *boot = json_get_string(item, "boot", "");
        if (!uuid_is(vps) || !uuid_is(boot)) {
            continue;
        }
        struct meter *meter = find_or_add(meters, vps);
        snprintf(meter->boot, sizeof(meter->boot), "%s", boot);
        snprintf(meter->before, sizeof(meter->before), "%.36s",
                 json_get_string(item, "before", ""));
        meter->seq = json_get_int(item, "seq", 0);
        restore_values(json_object_get(item, "raw"), &meter->raw);
        restore_values(json_object_get(item, "total"), &meter->total);
    }
}

void meters_forget(struct meters *meters, const char *vps)
{
    struct meter *meter = find(meters, vps);
    if (!meter) {
        return;
    }
    TAILQ_REMOVE(&meters->list, meter, link);
    if (meter->due) {
        meter->seq++;
        TAILQ_INSERT_TAIL(&meters->ended, meter, link);
    } else {
        free(meter);
    }
}
