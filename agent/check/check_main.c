// croft-agent-check: what `croft-agent check` becomes. A program of its own, so that the agent carries none of it.
#include "check.h"

#include "file.h"
#include "log.h"
#include "process.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { STATUS_MISSED = 1, STATUS_BROKEN = 2, STATUS_NOT_RUN = 3 };

// Ranges that an agent's default configuration does not reach (docs/configuration.md, ids).
static const int64_t default_id_base = 1879048192;

struct options {
    const char *image, *json, *html;
    int64_t id_base;
    bool full, probes, help;
};

static const char usage[] =
    "usage: croft-agent check --image FILE [OPTION...]\n\n"
    "Makes two throw-away guests and measures how well this node keeps them apart. Some two "
    "minutes.\n"
    "  --image FILE    a Debian with what is measured with: deploy/images/build debian-12-check "
    "FILE\n"
    "  --full          seven pairs of five seconds of each measurement: half an hour\n"
    "  --probes        only what must answer and what must be refused: half a minute\n"
    "  --json FILE     keep the report\n"
    "  --html FILE     keep it as a page\n"
    "  --id-base N     the first of four ranges of 65,536 host ids that nobody uses\n"
    "status: 0 good, 1 a wanted figure is missed, 2 a guest got what it must not, 3 it could not "
    "run\n";

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option table[] = {
        {"image", required_argument, NULL, 'i'}, {"json", required_argument, NULL, 'j'},
        {"html", required_argument, NULL, 'h'},  {"id-base", required_argument, NULL, 'b'},
        {"full", no_argument, NULL, 'f'},        {"probes", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'H'},        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (c) {
        case 'i':
            options->image = optarg;
            break;
        case 'j':
            options->json = optarg;
            break;
        case 'h':
            options->html = optarg;
            break;
        case 'b':
            options->id_base = strtoll(optarg, NULL, 10);
            break;
        case 'f':
            options->full = true;
            break;
        case 'p':
            options->probes = true;
            break;
        case 'H':
            options->help = true;
            break;
        default:
            return -1;
        }
    }
    // Above the host's own users, below the last number that a user may have.
    bool usable = options->id_base >= 100000 && options->id_base <= INT32_MAX - 4 * IDS_PER_VPS;
    return options->image && usable && optind == argc ? 0 : -1;
}

static void note_time(json_t *report, const struct options *options)
{
    char text[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    json_object_set_new(report, "at", json_string(text));
    json_object_set_new(report, "version", json_string(CROFT_VERSION));
    json_object_set_new(report, "form",
                        json_string(options->probes ? "probes"
                                    : options->full ? "full"
                                                    : "short"));
}

static int make_guests(struct check *check, struct err *err)
{
    cpu_set_t usable;
    subject_describe(&check->site, &check->subject.spec);
    subject_describe(&check->site, &check->neighbour.spec);
    // The processor of the subject, which plan_limits.c gives by slot.
    if (sched_getaffinity(0, sizeof(usable), &usable) == 0) {
        check->site.host_cpu = (int)check->subject.spec.slot % CPU_COUNT(&usable);
        check->site.other_cpu = (int)check->neighbour.spec.slot % CPU_COUNT(&usable);
    }
    int r = subject_create(&check->site, &check->subject, err);
    if (r == 0) {
        r = subject_create(&check->site, &check->neighbour, err);
    }
    if (r == 0) {
        r = subject_serve(&check->site, "exec iperf3 -s -B " SITE_WORLD_ADDRESS, err);
    }
    return r < 0 ? r : subject_serve(&check->site, "exec iperf3 -s -p 5202", err);
}

static int run_parts(struct check *check, bool probes, struct err *err)
{
    static const struct {
        const char *name;
        int (*run)(struct check *, struct err *);
        bool probe;
    } parts[] = {
        {"fidelity", check_fidelity, true},      {"escapes", check_escapes, true},
        {"efficiency", check_efficiency, false}, {"the machine", check_machine, false},
        {"neighbours", check_neighbour, false},  {"limits", check_limits, false},
    };
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++) {
        if (parts[i].probe || !probes) {
            fprintf(stderr, "%s...\n", parts[i].name);
            r = parts[i].run(check, err);
        }
    }
    return r;
}

static int keep(const struct options *options, const json_t *report, struct err *err)
{
    if (options->json) {
        _cleanup_free_ char *text = json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        int r = text ? file_write_atomic(options->json, text, strlen(text), 0644, err)
                     : err_set(err, ERR_INTERNAL, "the report is no JSON");
        if (r < 0) {
            return r;
        }
    }
    _cleanup_file_ FILE *page = options->html ? fopen(options->html, "we") : NULL;
    if (page) {
        report_print_html(report, page);
    }
    bool kept = !options->html || (page && fflush(page) == 0 && !ferror(page));
    return kept ? 0 : err_set(err, ERR_SYSTEM, "writing %s", options->html);
}

static int run(const struct options *options, struct check *check, struct err *err)
{
    check_features(check);
    note_time(check->report, options);
    int r = site_open(&check->site, options->image, options->id_base, err);
    if (r == 0) {
        r = make_guests(check, err);
    }
    return r < 0 ? r : run_parts(check, options->probes, err);
}

int main(int argc, char **argv)
{
    static const int statuses[] = {
        [VERDICT_GOOD] = 0, [VERDICT_MISSED] = STATUS_MISSED, [VERDICT_BROKEN] = STATUS_BROKEN};
    struct options options = {.id_base = default_id_base};
    struct check check = {.report = json_object()};
    struct err err = {0};
    int parsed = parse(argc, argv, &options);
    if (parsed < 0 || options.help) {
        fputs(usage, options.help ? stdout : stderr);
        return options.help ? 0 : STATUS_NOT_RUN;
    }
    check.full = options.full;
    log_init("check", LOG_ERROR);
    process_init("");
    int r = geteuid() == 0 ? site_keep(&check.site, &err)
                           : err_set(&err, ERR_FORBIDDEN, "only root can make guests");
    if (r < 0) {
        fprintf(stderr, "croft-agent check: %s\n", err.text);
        return STATUS_NOT_RUN;
    }
    r = run(&options, &check, &err);
    int status = STATUS_NOT_RUN;
    if (r == 0) {
        status = statuses[check_judge(check.report)];
        report_print_text(check.report, stdout);
        r = keep(&options, check.report, &err);
    }
    if (r < 0) {
        fprintf(stderr, "croft-agent check: %s\n", err.text);
        status = STATUS_NOT_RUN;
    }
    site_close(&check.site);
    json_decref(check.report);
    return status;
}
