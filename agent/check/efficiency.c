// Efficiency: the same program from the same files, in the guest and on the host's own, in turns, on one processor.
#include "measure.h"

#include <math.h>

static const char sequential[] =
    "fio --name=sequential --filename=/root/fio --size=128M --rw=rw --bs=1M --ioengine=psync "
    "--direct=1 "
    "--runtime=$T --time_based --output-format=terse | awk -F';' '{print ($7 + $48) / 1024}'";
static const char http[] =
    "busybox httpd -f -p 127.0.0.1:8080 -h /usr/share/common-licenses & server=$!; "
    "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; ss -ltn | grep -q :8080 && break; done; "
    "wrk -t1 -c4 -d${T}s http://127.0.0.1:8080/BSD | awk '/Requests.sec/{print $2}'; kill $server";
static const char calls[] = "dd if=/dev/zero of=/dev/null bs=1 count=$((T * 700000)) 2>&1 | awk "
                            "'/copied/{print $1 / $(NF - 3)}'";

static const struct pair {
    const char *name, *unit, *command;
    enum host_place place;
    double wanted;
} pairs[] = {
    {"processor (sysbench cpu)", "events/s", measure_cpu, HOST_PLAIN, 0.98},
    {"memory (sysbench memory)", "MiB/s", measure_memory, HOST_PLAIN, 0.98},
    {"system calls (dd, 1 byte)", "bytes/s", calls, HOST_PLAIN, 0.95},
    {"disk, random (fio, 4 KiB)", "operations/s", measure_disk, HOST_PLAIN, 0.95},
    {"disk, sequential (fio, 1 MiB)", "MiB/s", sequential, HOST_PLAIN, 0.95},
    {"HTTP over loopback (wrk)", "requests/s", http, HOST_PLAIN, 0.90},
    {"network (iperf3)", "Mbit/s", measure_net, HOST_SENDER, 0.90},
};

static json_t *measure(struct check *check, const struct pair *pair)
{
    struct samples host = {0}, guest = {0}, ratios = {0};
    unsigned seconds = measure_seconds(check);
    for (unsigned i = 0; i < measure_pairs(check); i++) {
        // Who begins changes, so that what drifts is on nobody's side.
        double first, second;
        if (i % 2) {
            second = measure_guest(check, &check->subject, pair->command, seconds);
            first = measure_host(check, pair->place, pair->command, seconds);
        } else {
            first = measure_host(check, pair->place, pair->command, seconds);
            second = measure_guest(check, &check->subject, pair->command, seconds);
        }
        if (first > 0 && second >= 0) {
            samples_add(&host, first);
            samples_add(&guest, second);
            samples_add(&ratios, second / first);
        }
        measure_settle(check);
    }
    return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:f, s:f, s:b}", "name", pair->name, "unit",
                     pair->unit, "wanted", pair->wanted, "host", samples_json(&host), "guest",
                     samples_json(&guest), "ratios", samples_json(&ratios), "ratio",
                     samples_median(&ratios), "spread", samples_spread(&ratios), "measured",
                     ratios.count == measure_pairs(check));
}

int check_efficiency(struct check *check, struct err *err)
{
    json_t *found = json_array();
    json_object_set_new(check->report, "efficiency", found);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        json_array_append_new(found, measure(check, &pairs[i]));
    }
    return 0;
}
