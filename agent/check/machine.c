// What one processor of the node loses by the work of another, with no guest at all: no limit can give that back, and a
// neighbour loses it, too.
#include "measure.h"

#include <math.h>
#include <unistd.h>

static const struct load {
    const char *name, *command;
} loads[] = {
    {"another one computes", "while :; do :; done"},
    {"another one starts programs", "while :; do /bin/true; done"},
};

// On the processors that the two guests have: one works, the other is measured.
static bool measure_pair(struct check *check, const struct load *load, struct samples *quiet,
                         struct samples *loud, struct samples *losses)
{
    struct site *site = &check->site;
    int of_subject = site->host_cpu;
    site->host_cpu = site->other_cpu;
    double before = measure_host(check, HOST_PLAIN, measure_cpu, measure_seconds(check));
    site->host_cpu = of_subject;
    pid_t pid = subject_begin_host(site, load->command);
    site->host_cpu = site->other_cpu;
    double during = measure_host(check, HOST_PLAIN, measure_cpu, measure_seconds(check));
    site->host_cpu = of_subject;
    subject_end(pid);
    if (pid <= 0 || !(before > 0) || !isfinite(during)) {
        return false;
    }
    samples_add(quiet, before);
    samples_add(loud, during);
    samples_add(losses, 1 - during / before);
    return true;
}

static json_t *measure(struct check *check, const struct load *load)
{
    struct samples quiet = {0}, loud = {0}, losses = {0};
    bool measured = check->site.other_cpu != check->site.host_cpu;
    for (unsigned i = 0; i < measure_pairs(check) && measured; i++) {
        measured = measure_pair(check, load, &quiet, &loud, &losses);
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:f, s:f, s:b}", "name", load->name, "unit",
                     "processor", "quiet", samples_json(&quiet), "loud", samples_json(&loud),
                     "losses", samples_json(&losses), "loss", samples_median(&losses), "spread",
                     samples_spread(&losses), "measured", measured);
}

int check_machine(struct check *check, struct err *err)
{
    json_t *found = json_array();
    json_object_set_new(check->report, "machine", found);
    for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
        json_array_append_new(found, measure(check, &loads[i]));
    }
    return 0;
}
