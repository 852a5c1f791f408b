// Limits: a guest takes what it can; how much more than its plan is that?
#include "cgroup.h"
#include "measure.h"
#include "sampler.h"
#include "sysfile.h"

#include <errno.h>
#include <math.h>
#include <time.h>

enum { NET_BPS = 40000000, NET_S = 4, PAYLOAD = 1400, HEADERS = 28 };

// least: of the limit it must have got, or it was not the limit that was met.
static void add(struct check *check, const char *name, const char *unit, double limit, double got,
                double wanted, double least)
{
    bool measured = isfinite(got) && got >= limit * least;
    json_array_append_new(json_object_get(check->report, "limits"),
                          json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:b}", "name", name, "unit",
                                    unit, "limit", limit, "got", isfinite(got) ? got : 0.0,
                                    "overshoot", isfinite(got) ? got / limit - 1 : 0.0, "wanted",
                                    wanted, "measured", measured));
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int sample(struct check *check, struct usage_counters *ret, struct err *err)
{
    return sampler_sample(&check->site.config, &check->site.drivers, &check->subject.spec, ret,
                          err);
}

static int cpu(struct check *check, struct err *err)
{
    struct usage_counters before, after;
    pid_t pid = subject_begin(&check->site, &check->subject,
                              "for i in 1 2 3 4; do while :; do :; done & done; wait");
    sleep(1);
    double from = now_s();
    int r = sample(check, &before, err);
    sleep(check->full ? 10 : 3);
    double until = now_s();
    if (r == 0) {
        r = sample(check, &after, err);
    }
    subject_end(pid);
    if (r == 0) {
        add(check, "processor", "processors", (double)check->subject.spec.limits.vcpus,
            (double)(after.cpu_ns - before.cpu_ns) / 1e9 / (until - from), 0.02, 0.9);
    }
    return r;
}

// What the kernel says was the most at any time.
static double peak_memory(const struct check *check)
{
    char path[CGROUP_PATH_SIZE];
    uint64_t peak;
    cgroup_path(path, "memory", check->subject.spec.vps,
                cgroup_is_unified() ? "memory.peak" : "memory.max_usage_in_bytes");
    return sysfile_read_u64(path, &peak, NULL) == 0 ? (double)peak : NAN;
}

static int memory(struct check *check, struct err *err)
{
    struct run_result run;
    int r = subject_run(&check->site, &check->subject, "tail /dev/zero >/dev/null", 60, &run, err);
    if (r == 0) {
        add(check, "memory", "bytes", (double)check->subject.spec.limits.memory_bytes,
            peak_memory(check), 0, 0.9);
    }
    return r;
}

static int processes(struct check *check, struct err *err)
{
    struct usage_counters counters = {0};
    uint64_t most = 0;
    // Threads, which count as processes: so many processes would meet the limit of memory before.
    pid_t pid = subject_begin(
        &check->site, &check->subject,
        "python3 -c 'import threading,time\nthreading.stack_size(65536)\nwhile 1:\n try: "
        "threading.Thread(target=time.sleep,args=(60,)).start()\n except RuntimeError: "
        "time.sleep(1)'");
    int r = 0;
    for (int i = 0; i < 100 && r == 0 && most < (uint64_t)check->subject.spec.limits.pids; i++) {
        usleep(100000);
        r = sample(check, &counters, err);
        most = counters.pids > most ? counters.pids : most;
    }
    subject_end(pid);
    if (r == 0) {
        add(check, "processes", "processes", (double)check->subject.spec.limits.pids, (double)most,
            0, 1);
    }
    return r;
}

static int disk(struct check *check, struct err *err)
{
    struct run_result run;
    struct usage_counters counters;
    int r = subject_run(&check->site, &check->subject,
                        "dd if=/dev/urandom of=/root/fill bs=1M; "
                        "dd if=/dev/urandom of=/root/more bs=4k count=1000; sync",
                        300, &run, err);
    measure_settle(check);
    if (r == 0) {
        r = sample(check, &counters, err);
    }
    if (r == 0) {
        add(check, "disk", "bytes", (double)check->subject.spec.limits.disk_bytes,
            (double)counters.disk_bytes, 0.01, 0.95);
        r = subject_run(&check->site, &check->subject,
                        "rm -f /root/fill /root/more /root/fio; sync", 60, &run, err);
    }
    return r;
}

static int set_rate(struct check *check, int64_t bps, struct err *err)
{
    check->subject.spec.rates.net_bps = bps;
    int r = check->site.drivers.network->prepare(&check->site.config, &check->subject.spec, err);
    return r < 0 ? r
                 : check->site.drivers.network->attach(&check->site.config, &check->subject.spec,
                                                       err);
}

// Five times of what it may send, counted where it arrives.
static int network(struct check *check, struct err *err)
{
    char command[256];
    snprintf(command, sizeof(command),
             "iperf3 -u -l %d -b %d -c " SITE_WORLD_ADDRESS
             " -O 3 -t $T -f k | awk '/receiver/{print $7 * 1000}'",
             PAYLOAD, NET_BPS * 5);
    int r = set_rate(check, NET_BPS, err);
    if (r < 0) {
        return r;
    }
    double got = measure_guest(check, &check->subject, command, check->full ? 10 : NET_S);
    add(check, "network, sent", "bit/s", NET_BPS, got * (PAYLOAD + HEADERS) / PAYLOAD, 0.03, 0.9);
    snprintf(command, sizeof(command),
             "iperf3 -R -u -l %d -b %d -c " SITE_WORLD_ADDRESS
             " -O 3 -t $T -f k | awk '/receiver/{print $7 * 1000}'",
             PAYLOAD, NET_BPS * 5);
    got = measure_guest(check, &check->subject, command, check->full ? 10 : NET_S);
    add(check, "network, received", "bit/s", NET_BPS, got * (PAYLOAD + HEADERS) / PAYLOAD, 0.03,
        0.9);
    return set_rate(check, 0, err);
}

int check_limits(struct check *check, struct err *err)
{
    static int (*const parts[])(struct check *, struct err *) = {cpu, network, memory, disk,
                                                                 processes};
    json_object_set_new(check->report, "limits", json_array());
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++) {
        r = subject_ensure(&check->site, &check->subject, err);
        if (r == 0) {
            r = parts[i](check, err);
        }
    }
    return r;
}
