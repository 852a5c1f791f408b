// The neighbour: what it gets while the other misbehaves, against what it gets just before.
#include "measure.h"
#include "sampler.h"
#include "sysfile.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const struct attack {
    const char *name, *command;
    const char *measured, *measure;
    double wanted; // loss
} attacks[] = {
    {"processor hog", "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait", "processor",
     measure_cpu, 0.05},
    // Of lines: there is none, so all of it is kept. With -c it would look for the end, and keep nothing.
    {"memory hog", "while :; do tail /dev/zero >/dev/null; done", "memory", measure_memory, 0.05},
    {"memory by tmpfs",
     "while :; do dd if=/dev/zero of=/dev/shm/fill bs=1M; rm -f /dev/shm/fill; sleep 1; done",
     "memory", measure_memory, 0.05},
    {"fork bomb", "b() { b | b & }; while :; do b; sleep 1; done", "processor", measure_cpu, 0.10},
    {"disk writer", "while :; do dd if=/dev/zero of=/root/w bs=1M count=256 conv=notrunc; done",
     "disk", measure_disk, 0.20},
    {"disk filler", "while :; do dd if=/dev/urandom of=/root/f bs=1M; rm -f /root/f; done", "disk",
     measure_disk, 0.20},
    {"UDP flood",
     "while :; do iperf3 -u -b 0 -l 64 -c " SITE_WORLD_ADDRESS " -p 5202 -t 60 || sleep 1; done",
     "network", measure_net, 0.15},
    {"crash loop", "ulimit -c unlimited; cd /root; while :; do sh -c 'kill -SEGV $$'; done",
     "processor", measure_cpu, 0.10},
    {"sync loop", "while :; do dd if=/dev/zero of=/root/s bs=4k count=8 conv=notrunc; sync; done",
     "disk", measure_disk, 0.20},
};

// What the node's processors have done, in seconds, and how much of it the two guests are charged.
struct work {
    double at, ran, charged;
};

static double charged(struct check *check, const struct subject *subject)
{
    struct usage_counters counters;
    int r =
        sampler_sample(&check->site.config, &check->site.drivers, &subject->spec, &counters, NULL);
    return r < 0 ? NAN : (double)counters.cpu_ns / 1e9;
}

// proc(5): user, nice, system, idle, iowait, irq, softirq, in ticks; what a hypervisor took is not among them.
static double ran(void)
{
    char text[8192];
    uint64_t t[7];
    if (sysfile_read("/proc/stat", text, sizeof(text), NULL) < 0 ||
        sscanf(text,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64,
               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6]) != ARRAY_LEN(t)) {
        return NAN;
    }
    return (double)(t[0] + t[1] + t[2] + t[5] + t[6]) / (double)sysconf(_SC_CLK_TCK);
}

static struct work look(struct check *check)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct work){
        .at = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
        .ran = ran(),
        .charged = charged(check, &check->subject) + charged(check, &check->neighbour),
    };
}

// The neighbour's figure, and how many processors worked meanwhile on neither guest's account.
static double measure_beside(struct check *check, const struct attack *attack,
                             double *ret_uncharged)
{
    struct work before = look(check);
    double figure =
        measure_guest(check, &check->neighbour, attack->measure, measure_seconds(check));
    struct work after = look(check);
    *ret_uncharged =
        ((after.ran - before.ran) - (after.charged - before.charged)) / (after.at - before.at);
    return figure;
}

static bool measure_pair(struct check *check, const struct attack *attack, struct samples *quiet,
                         struct samples *loud, struct samples *losses, struct samples *uncharged)
{
    double idle, busy;
    if (subject_ensure(&check->site, &check->subject, NULL) < 0) {
        return false;
    }
    measure_settle(check);
    double before = measure_beside(check, attack, &idle);
    pid_t pid = subject_begin(&check->site, &check->subject, attack->command);
    sleep(1); // until it has got going
    double during = measure_beside(check, attack, &busy);
    subject_end(pid);
    // What an attack left in memory would go on ending processes.
    struct run_result run;
    (void)!subject_run(&check->site, &check->subject, "rm -f /dev/shm/fill /root/[wfs]", 30, &run,
                       NULL);
    if (pid <= 0 || !(before > 0) || !isfinite(during)) {
        return false;
    }
    samples_add(quiet, before);
    samples_add(loud, during);
    samples_add(losses, 1 - during / before);
    if (isfinite(busy - idle)) { // else a guest began anew, and its counters with it
        samples_add(uncharged, busy - idle);
    }
    return true;
}

static json_t *measure(struct check *check, const struct attack *attack)
{
    struct samples quiet = {0}, loud = {0}, losses = {0}, uncharged = {0};
    struct run_result run;
    bool measured = true;
    for (unsigned i = 0; i < measure_pairs(check) && measured; i++) {
        measured = measure_pair(check, attack, &quiet, &loud, &losses, &uncharged);
    }
    int r = subject_run(&check->site, &check->neighbour, "true", 30, &run, NULL);
    return json_pack("{s:s, s:s, s:f, s:o, s:o, s:o, s:f, s:f, s:f, s:b, s:b}", "name",
                     attack->name, "unit", attack->measured, "wanted", attack->wanted, "quiet",
                     samples_json(&quiet), "loud", samples_json(&loud), "losses",
                     samples_json(&losses), "loss", samples_median(&losses), "spread",
                     samples_spread(&losses), "uncharged", samples_median(&uncharged), "alive",
                     r == 0 && run.status == 0, "measured", measured);
}

int check_neighbour(struct check *check, struct err *err)
{
    json_t *found = json_array();
    json_object_set_new(check->report, "neighbour", found);
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        json_array_append_new(found, measure(check, &attacks[i]));
    }
    return 0;
}
