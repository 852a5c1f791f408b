#include "measure.h"

#include <math.h>
#include <string.h>

enum { SLACK_S = 60 };

const char measure_cpu[] = "sysbench cpu --time=$T run | awk '/events per second/{print $4}'";
const char measure_memory[] =
    "sysbench memory --time=$T --memory-block-size=64K --memory-total-size=100T run | "
    "sed -n 's/.*transferred (\\([0-9.]*\\) MiB.sec.*/\\1/p'";
const char measure_disk[] =
    "fio --name=random --filename=/root/fio --size=64M --rw=randrw --bs=4k --ioengine=psync "
    "--direct=1 "
    "--runtime=$T --time_based --output-format=terse | awk -F';' '{print $8 + $49}'";
const char measure_net[] =
    "iperf3 -c " SITE_WORLD_ADDRESS " -t $T -f m | awk '/receiver/{print $7}'";

void samples_add(struct samples *samples, double value)
{
    if (samples->count < SAMPLES_MAX) {
        samples->values[samples->count++] = value;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_median(const struct samples *samples)
{
    struct samples sorted = *samples;
    size_t n = sorted.count;
    if (n == 0) {
        return 0;
    }
    qsort(sorted.values, n, sizeof(sorted.values[0]), compare);
    return n % 2 ? sorted.values[n / 2] : (sorted.values[n / 2 - 1] + sorted.values[n / 2]) / 2;
}

double samples_spread(const struct samples *samples)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < samples->count; i++) {
        low = fmin(low, samples->values[i]);
        high = fmax(high, samples->values[i]);
    }
    return samples->count ? high - low : 0;
}

json_t *samples_json(const struct samples *samples)
{
    json_t *array = json_array();
    for (size_t i = 0; i < samples->count; i++) {
        json_array_append_new(array, json_real(samples->values[i]));
    }
    return array;
}

// The number on the last line.
static double last_number(const char *text)
{
    const char *end = text + strlen(text);
    while (end > text && end[-1] == '\n') {
        end--;
    }
    const char *line = end;
    while (line > text && line[-1] != '\n') {
        line--;
    }
    char *rest;
    double value = strtod(line, &rest);
    return rest != line && isfinite(value) && value >= 0 ? value : NAN;
}

static void with_time(char out[1024], const char *command, unsigned seconds)
{
    snprintf(out, 1024, "export LC_ALL=C T=%u; %s", seconds, command);
}

double measure_guest(struct check *check, const struct subject *subject, const char *command,
                     unsigned seconds)
{
    char line[1024];
    struct run_result run;
    with_time(line, command, seconds);
    int r = subject_run(&check->site, subject, line, seconds + SLACK_S, &run, NULL);
    return r < 0 ? NAN : last_number(run.text);
}

double measure_host(struct check *check, enum host_place place, const char *command,
                    unsigned seconds)
{
    char line[1024];
    struct run_result run;
    with_time(line, command, seconds);
    int r = subject_run_host(&check->site, place, line, seconds + SLACK_S, &run, NULL);
    return r < 0 ? NAN : last_number(run.text);
}

void measure_settle(struct check *check)
{
    char command[128];
    struct run_result run;
    snprintf(command, sizeof(command), "sync -f %s/pool", check->site.state_dir);
    (void)!subject_run_host(&check->site, HOST_NODE, command, SLACK_S, &run, NULL);
}

unsigned measure_seconds(const struct check *check)
{
    return check->full ? 5 : 1;
}

unsigned measure_pairs(const struct check *check)
{
    return check->full ? 7 : 2;
}

json_t *check_text(const char *said)
{
    char line[161];
    size_t used = 0, len = strlen(said);
    while (len > 0 && said[len - 1] == '\n') {
        len--;
    }
    size_t from = len;
    while (from > 0 && said[from - 1] != '\n') {
        from--;
    }
    for (; from < len && used < sizeof(line) - 1; from++) {
        line[used++] = said[from] >= ' ' && said[from] < 0x7f ? said[from] : '?';
    }
    line[used] = '\0';
    return json_string(line);
}
