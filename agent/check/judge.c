// The verdict: from the report alone, so that a kept report is judged as a fresh one.
#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

struct judge {
    json_t *reasons;
    double machine; // what a processor loses without any guest, at the worst
    enum verdict verdict;
};

_printf_(3, 4) static void say(struct judge *judge, enum verdict verdict, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_array_append_new(judge->reasons, json_string(text));
    judge->verdict = verdict > judge->verdict ? verdict : judge->verdict;
}

static bool is_true(const json_t *row, const char *key)
{
    return json_is_true(json_object_get(row, key));
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void judge_probe(struct judge *judge, const json_t *row, const char *name)
{
    if (!is_true(row, "passed")) {
        say(judge, VERDICT_MISSED, "not as on a plain Debian: %s", name);
    }
}

static void judge_escape(struct judge *judge, const json_t *row, const char *name)
{
    if (!is_true(row, "refused")) {
        say(judge, VERDICT_BROKEN, "a guest may %s", name);
    }
}

static void judge_efficiency(struct judge *judge, const json_t *row, const char *name)
{
    if (!is_true(row, "measured")) {
        say(judge, VERDICT_MISSED, "%s: not measured", name);
    } else if (number(row, "ratio") < number(row, "wanted")) {
        say(judge, VERDICT_MISSED, "%s: %.3f of the host, %.2f is wanted", name,
            number(row, "ratio"), number(row, "wanted"));
    }
}

// What a limit may be exceeded by before it is none: a tenth.
static void judge_limit(struct judge *judge, const json_t *row, const char *name)
{
    static const double none = 0.10;
    double overshoot = number(row, "overshoot");
    if (overshoot > number(row, "wanted") + 1e-9) {
        say(judge, overshoot > none ? VERDICT_BROKEN : VERDICT_MISSED,
            "limit of %s: exceeded by %.2f %%", name, overshoot * 100);
    } else if (!is_true(row, "measured")) {
        say(judge, VERDICT_MISSED, "limit of %s: was not reached, so not measured", name);
    }
}

static void judge_neighbour(struct judge *judge, const json_t *row, const char *name)
{
    if (!is_true(row, "alive")) {
        say(judge, VERDICT_BROKEN, "%s: the neighbour is dead", name);
    } else if (!is_true(row, "measured")) {
        say(judge, VERDICT_MISSED, "%s: not measured", name);
    } else if (number(row, "loss") > number(row, "wanted")) {
        // Below that it is what a host does beside the check, and no reason.
        static const double told = 0.01;
        char machine[64] = "", uncharged[64] = "";
        bool of_processor =
            strcmp(json_string_value(json_object_get(row, "unit")) ?: "", "processor") == 0;
        if (of_processor && judge->machine >= told) {
            snprintf(machine, sizeof(machine), "; without any guest a processor here loses %.1f %%",
                     judge->machine * 100);
        }
        if (number(row, "uncharged") >= told) {
            snprintf(uncharged, sizeof(uncharged), "; %.2f processors worked for nobody's account",
                     number(row, "uncharged"));
        }
        say(judge, VERDICT_MISSED, "%s: the neighbour loses %.1f %%, at most %.0f %% is wanted%s%s",
            name, number(row, "loss") * 100, number(row, "wanted") * 100, machine, uncharged);
    }
}

static double machine_loss(const json_t *report)
{
    size_t index;
    json_t *row;
    double most = 0;
    json_array_foreach (json_object_get(report, "machine"), index, row) {
        most = is_true(row, "measured") ? fmax(most, number(row, "loss")) : most;
    }
    return most;
}

enum verdict check_judge(json_t *report)
{
    static const struct {
        const char *section;
        void (*row)(struct judge *, const json_t *, const char *);
    } sections[] = {
        {"fidelity", judge_probe}, {"escapes", judge_escape},      {"efficiency", judge_efficiency},
        {"limits", judge_limit},   {"neighbour", judge_neighbour},
    };
    static const char *const names[] = {"good", "missed", "broken"};
    struct judge judge = {.reasons = json_array(), .machine = machine_loss(report)};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        size_t index;
        json_t *row;
        json_array_foreach (json_object_get(report, sections[i].section), index, row) {
            sections[i].row(&judge, row, json_string_value(json_object_get(row, "name")));
        }
    }
    json_object_set_new(report, "reasons", judge.reasons);
    json_object_set_new(report, "verdict", json_string(names[judge.verdict]));
    return judge.verdict;
}
