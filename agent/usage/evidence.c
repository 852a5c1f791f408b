#include "evidence.h"

#include "plan_limits.h"
#include "rfc3339.h"

#include <string.h>

enum { MILLI = 1000, BITS = 8, DISK_NEAR_PARTS = 128, DISK_NEAR_MIN = 4 << 20 };

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

struct row {
    const char *name;
    uint64_t used;
    int64_t limit; // below 0: none
    struct limit_hits hits;
};

static void add(json_t *limits, struct row row)
{
    json_t *one = json_pack("{s:s, s:o}", "name", row.name, "used", number(row.used));
    if (row.limit >= 0) {
        json_object_set_new(one, "limit", json_integer(row.limit));
    }
    if (row.hits.counted) {
        json_object_set_new(one, "hits", number(row.hits.hits));
    }
    json_array_append_new(limits, one);
}

// Counts that the disk was found full, once each time. The kernel says that of no write, and a limit is met some way before it,
// by what a file system sets aside for itself.
static void look_at_disk(const struct evidence_reading *reading, struct evidence_memory *memory)
{
    uint64_t limit = (uint64_t)reading->spec->limits.disk_bytes;
    uint64_t near =
        limit / DISK_NEAR_PARTS > DISK_NEAR_MIN ? limit / DISK_NEAR_PARTS : DISK_NEAR_MIN;
    bool full = reading->counters.disk_bytes + near >= limit;
    memory->disk_hits += full && !memory->disk_full;
    memory->disk_full = full;
}

// By the second since the look before; nothing at the first.
static uint64_t rate(const struct evidence_reading *reading, const struct evidence_memory *before,
                     uint64_t now, uint64_t then)
{
    int64_t ms = reading->now_ms - before->at_ms;
    return before->at_ms && ms > 0 && now > then ? (now - then) * MILLI / (uint64_t)ms : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int64_t or_none(int64_t limit)
{
    return limit > 0 ? limit : -1;
}

static void add_rates(json_t *limits, const struct evidence_reading *reading,
                      const struct evidence_memory *before)
{
    const struct usage_counters *now = &reading->counters, *then = &before->counters;
    int64_t net_bps = or_none(plan_limits_net_bps(reading->spec));
    uint64_t bytes = larger(rate(reading, before, now->io_read_bytes, then->io_read_bytes),
                            rate(reading, before, now->io_write_bytes, then->io_write_bytes));
    uint64_t ops = larger(rate(reading, before, now->io_read_ops, then->io_read_ops),
                          rate(reading, before, now->io_write_ops, then->io_write_ops));
    uint64_t in = rate(reading, before, now->net_rx_bytes, then->net_rx_bytes) * BITS;
    uint64_t out = rate(reading, before, now->net_tx_bytes, then->net_tx_bytes) * BITS;
    add(limits, (struct row){"io", bytes, or_none(reading->spec->rates.io_bps), {0}});
    add(limits, (struct row){"iops", ops, or_none(reading->spec->rates.iops), {0}});
    add(limits, (struct row){"network_in", in, net_bps, {0}});
    add(limits, (struct row){"network_out", out, net_bps, {0}});
}

static void add_connections(json_t *limits, const struct evidence_reading *reading)
{
    const struct evidence_connections *now = &reading->connections;
    int64_t most = reading->connections_limit;
    if (now->known) {
        add(limits, (struct row){"connections_in", now->in, most, reading->met.connections_in});
        add(limits, (struct row){"connections_out", now->out, most, reading->met.connections_out});
    }
}

// A process is killed where room could not be made below the limit. Version 1 counts that with the limit of memory and swap
// together, if that is as low, and newer kernels (seen: 6.18) not at all.
static struct limit_hits memory_hits(const struct evidence_reading *reading)
{
    struct limit_hits hits = reading->met.memory;
    hits.hits = larger(hits.hits, reading->kills);
    return hits;
}

static json_t *limits_json(const struct evidence_reading *reading,
                           const struct evidence_memory *memory)
{
    json_t *limits = json_array();
    const struct vps_spec *spec = reading->spec;
    const struct usage_counters *now = &reading->counters;
    const struct limits_met *met = &reading->met;
    const struct limit_hits disk = {true, memory->disk_hits};
    uint64_t cpu = rate(reading, memory, now->cpu_ns, memory->counters.cpu_ns) / 1000000;
    add(limits,
        (struct row){"memory", now->memory_bytes, spec->limits.memory_bytes, memory_hits(reading)});
    add(limits, (struct row){"swap", met->swap_bytes, spec->limits.swap_bytes, met->swap});
    add(limits, (struct row){"processes", now->pids, spec->limits.pids, met->processes});
    add(limits, (struct row){"cpu", cpu, plan_limits_millicores(spec), met->cpu});
    add(limits, (struct row){"disk", now->disk_bytes, spec->limits.disk_bytes, disk});
    add_rates(limits, reading, memory);
    add_connections(limits, reading);
    return limits;
}

static json_t *stall_json(const struct stall *stall)
{
    return stall->known ? json_pack("[i, i, i, o]", (int)stall->avg10, (int)stall->avg60,
                                    (int)stall->avg300, number(stall->total_us))
                        : json_null();
}

static json_t *pressure_json(const struct limits_met *met)
{
    static const char *const names[PRESSURES] = {
        [PRESSURE_CPU] = "cpu", [PRESSURE_MEMORY] = "memory", [PRESSURE_IO] = "io"};
    json_t *pressure = json_object();
    bool known = false;
    for (size_t i = 0; i < PRESSURES; i++) {
        known = known || met->pressure[i].some.known;
        json_object_set_new(pressure, names[i],
                            json_pack("{s:o, s:o}", "some", stall_json(&met->pressure[i].some),
                                      "full", stall_json(&met->pressure[i].full)));
    }
    if (!known) {
        json_decref(pressure);
        return json_null();
    }
    return pressure;
}

static json_t *cpu_json(const struct limits_met *met)
{
    return met->cpu.counted
               ? json_pack("{s:o, s:o, s:o}", "periods", number(met->periods), "throttled_periods",
                           number(met->cpu.hits), "throttled_ns", number(met->throttled_ns))
               : json_null();
}

json_t *evidence_item(const struct evidence_reading *reading, struct evidence_memory *memory)
{
    char ts[RFC3339_SIZE];
    if (strcmp(memory->start, reading->start) != 0) {
        *memory = (struct evidence_memory){0};
        snprintf(memory->start, sizeof(memory->start), "%s", reading->start);
    }
    look_at_disk(reading, memory);
    rfc3339_now(ts);
    json_t *item =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "vps", reading->spec->vps, "boot",
                  reading->start, "ts", ts, "limits", limits_json(reading, memory), "cpu",
                  cpu_json(&reading->met), "pressure", pressure_json(&reading->met));
    memory->counters = reading->counters;
    memory->at_ms = reading->now_ms;
    return item;
}
