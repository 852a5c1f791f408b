#include "evidence.h"

#include "cgroup_io.h"
#include "unit.h"

#include <string.h>
#include <sys/sysmacros.h>

#define START "0190a000-0000-7000-8000-000000000004"
#define NEXT "0190a000-0000-7000-8000-000000000005"

static struct vps_spec spec;
static struct evidence_memory memory;
static struct evidence_reading reading;

static void setup(void)
{
    spec = (struct vps_spec){
        .limits = {.vcpus = 2, .memory_bytes = 1 << 30, .disk_bytes = 1 << 30, .pids = 100},
        .rates = {.net_bps = 8000}};
    memory = (struct evidence_memory){0};
    reading = (struct evidence_reading){.spec = &spec, .start = START, .now_ms = 1000};
}

static json_int_t value(const char *limit, const char *name)
{
    json_t *item = evidence_item(&reading, &memory);
    json_int_t found = -1;
    size_t i;
    json_t *one;
    json_array_foreach (json_object_get(item, "limits"), i, one) {
        json_t *number = json_object_get(one, name);
        if (number && strcmp(json_string_value(json_object_get(one, "name")), limit) == 0) {
            found = json_integer_value(number);
        }
    }
    json_decref(item);
    return found;
}

START_TEST(a_rate_is_the_mean_between_two_looks)
{
    setup();
    reading.counters.net_rx_bytes = 5000;
    ck_assert_int_eq(value("network_in", "used"), 0); // the first
    reading.now_ms += 2000;
    reading.counters.net_rx_bytes += 500;
    reading.counters.cpu_ns = 3000000000;
    ck_assert_int_eq(value("network_in", "used"), 2000);
    reading.now_ms += 2000;
    reading.counters.cpu_ns += 1000000000;
    ck_assert_int_eq(value("cpu", "used"), 500);
    reading.now_ms += 1000;
    reading.counters.cpu_ns = 5; // a counter that falls is no rate
    ck_assert_int_eq(value("cpu", "used"), 0);
    ck_assert_int_eq(value("cpu", "limit"), 2000);
    ck_assert_int_eq(value("network_out", "limit"), 8000);
    ck_assert_int_eq(value("io", "limit"), -1); // none
    ck_assert_int_eq(value("io", "hits"), -1); // that nobody counts
}
END_TEST

START_TEST(a_full_disk_counts_each_time_that_it_becomes_so)
{
    setup();
    ck_assert_int_eq(value("disk", "hits"), 0);
    reading.counters.disk_bytes = 1 << 30;
    ck_assert_int_eq(value("disk", "hits"), 1);
    ck_assert_int_eq(value("disk", "hits"), 1); // still
    reading.counters.disk_bytes = 1 << 20;
    ck_assert_int_eq(value("disk", "hits"), 1);
    reading.counters.disk_bytes = (1 << 30) - 4096;
    ck_assert_int_eq(value("disk", "hits"), 2);
    reading.start = NEXT; // a new start counts anew
    reading.counters.disk_bytes = 0;
    ck_assert_int_eq(value("disk", "hits"), 0);
}
END_TEST

START_TEST(a_kill_is_a_hit_of_memory)
{
    setup();
    reading.met.memory.counted = true;
    reading.met.memory.hits = 1;
    reading.kills = 3;
    ck_assert_int_eq(value("memory", "hits"), 3);
    reading.met.memory.hits = 9;
    ck_assert_int_eq(value("memory", "hits"), 9);
}
END_TEST

START_TEST(connections_are_shown_once_they_were_counted)
{
    setup();
    reading.connections_limit = 8192;
    reading.met.connections_out = (struct limit_hits){true, 7};
    ck_assert_int_eq(value("connections_out", "used"), -1);
    reading.connections = (struct evidence_connections){.known = true, .in = 3, .out = 8192};
    ck_assert_int_eq(value("connections_in", "used"), 3);
    ck_assert_int_eq(value("connections_in", "hits"), -1); // that nobody counts
    ck_assert_int_eq(value("connections_out", "used"), 8192);
    ck_assert_int_eq(value("connections_out", "limit"), 8192);
    ck_assert_int_eq(value("connections_out", "hits"), 7);
}
END_TEST

START_TEST(pressure_is_read_or_unknown)
{
    struct pressure pressure;
    pressure_parse("some avg10=1.25 avg60=100.00 avg300=0.07 total=11039628889\n"
                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
                   &pressure);
    ck_assert(pressure.some.known && pressure.full.known);
    ck_assert_uint_eq(pressure.some.avg10, 125);
    ck_assert_uint_eq(pressure.some.avg60, 10000);
    ck_assert_uint_eq(pressure.some.avg300, 7);
    ck_assert_uint_eq(pressure.some.total_us, 11039628889);
    static const char *const texts[] = {
        "",
        "some",
        "some avg10=1.25\n",
        "some avg10=-1.00 avg60=0.00 avg300=0.00 total=0\n",
        "some avg10=101.00 avg60=0.00 avg300=0.00 total=0\n",
        "\n\n\n",
        "awesome avg10=1.25",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        pressure_parse(texts[i], &pressure);
        ck_assert_msg(!pressure.some.known && !pressure.full.known, "%s", texts[i]);
    }
    setup();
    json_t *item = evidence_item(&reading, &memory);
    ck_assert(json_is_null(json_object_get(item, "pressure")));
    ck_assert(json_is_null(json_object_get(item, "cpu")));
    json_decref(item);
}
END_TEST

// As seen: a loop device, and the disk that its file lies on, both counting the same bytes.
START_TEST(io_is_counted_on_the_pools_disks_alone)
{
    static const struct io_words v1 = {" Read ", " Write "}, v2 = {" rbytes=", " wbytes="};
    static const char old[] = "254:0 Read 19558400\n254:0 Write 13770752\n254:0 Total 33329152\n"
                              "7:0 Read 19558400\n7:0 Write 13770752\n7:0 Total 33329152\n"
                              "Total 66658304\n";
    static const char now[] = "254:0 rbytes=4096 wbytes=512 rios=1 wios=1 dbytes=0 dios=0\n"
                              "7:0 rbytes=4096 wbytes=512 rios=1 wios=1 dbytes=0 dios=0\n7:1 \n";
    struct pool_disks disks = {.disks = {makedev(7, 0)}, .count = 1};
    struct io_sums sums = {0};
    cgroup_io_sum(old, &v1, &disks, &sums);
    ck_assert_uint_eq(sums.reads, 19558400);
    ck_assert_uint_eq(sums.writes, 13770752);
    sums = (struct io_sums){0};
    cgroup_io_sum(now, &v2, &disks, &sums);
    ck_assert_uint_eq(sums.reads, 4096);
    ck_assert_uint_eq(sums.writes, 512);
    disks.count = 0; // not known
    sums = (struct io_sums){0};
    cgroup_io_sum(now, &v2, &disks, &sums);
    ck_assert_uint_eq(sums.reads, 8192);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_rate_is_the_mean_between_two_looks,
                                  a_full_disk_counts_each_time_that_it_becomes_so,
                                  a_kill_is_a_hit_of_memory,
                                  connections_are_shown_once_they_were_counted,
                                  pressure_is_read_or_unknown,
                                  io_is_counted_on_the_pools_disks_alone,
                                  NULL};
    return unit_run(unit_suite("evidence", tests));
}
