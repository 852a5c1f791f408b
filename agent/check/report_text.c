#include "check.h"

static const char *text(const json_t *row, const char *key)
{
    const char *value = json_string_value(json_object_get(row, key));
    return value ? value : "";
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void print_probes(const json_t *report, const char *section, const char *good, FILE *to)
{
    const json_t *rows = json_object_get(report, section);
    size_t index, passed = 0;
    json_t *row;
    json_array_foreach (rows, index, row) {
        passed += json_is_true(json_object_get(row, good));
    }
    fprintf(to, "%s: %zu of %zu %s\n", section, passed, json_array_size(rows), good);
    json_array_foreach (rows, index, row) {
        if (!json_is_true(json_object_get(row, good))) {
            fprintf(to, "  not %s: %s  %s\n", good, text(row, "name"), text(row, "said"));
        }
    }
}

static void print_features(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    json_array_foreach (json_object_get(report, "features"), index, row) {
        if (!json_is_true(json_object_get(row, "present"))) {
            fprintf(to, "missing: %s: %s\n", text(row, "name"), text(row, "consequence"));
        }
    }
}

static void print_efficiency(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fprintf(to, "\n%-32s %8s %8s %8s\n", "efficiency: guest over host", "median", "spread",
            "wanted");
    json_array_foreach (json_object_get(report, "efficiency"), index, row) {
        fprintf(to, "  %-30s %8.3f %8.3f %8.2f\n", text(row, "name"), number(row, "ratio"),
                number(row, "spread"), number(row, "wanted"));
    }
}

static void print_limits(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fprintf(to, "\n%-24s %14s %14s %9s %8s\n", "limits", "limit", "got", "over", "wanted");
    json_array_foreach (json_object_get(report, "limits"), index, row) {
        fprintf(to, "  %-22s %14.3f %14.3f %7.2f %% %6.0f %%\n", text(row, "name"),
                number(row, "limit"), number(row, "got"), number(row, "overshoot") * 100,
                number(row, "wanted") * 100);
    }
}

static void print_neighbour(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fprintf(to, "\n%-24s %-14s %9s %9s %8s %10s\n", "the neighbour's loss", "measured", "median",
            "spread", "wanted", "uncharged");
    json_array_foreach (json_object_get(report, "neighbour"), index, row) {
        fprintf(to, "  %-22s %-14s %7.1f %% %7.1f %% %6.0f %% %10.2f\n", text(row, "name"),
                text(row, "unit"), number(row, "loss") * 100, number(row, "spread") * 100,
                number(row, "wanted") * 100, number(row, "uncharged"));
    }
}

static void print_machine(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fprintf(to, "\n%-40s %7s %9s\n", "a processor's loss, without any guest", "median", "spread");
    json_array_foreach (json_object_get(report, "machine"), index, row) {
        fprintf(to, "  %-36s %7.1f %% %7.1f %%\n", text(row, "name"), number(row, "loss") * 100,
                number(row, "spread") * 100);
    }
}

static void print_verdict(const json_t *report, FILE *to)
{
    size_t index;
    json_t *reason;
    fprintf(to, "\nverdict: %s\n", text(report, "verdict"));
    json_array_foreach (json_object_get(report, "reasons"), index, reason) {
        fprintf(to, "  %s\n", json_string_value(reason));
    }
}

void report_print_text(const json_t *report, FILE *to)
{
    const json_t *host = json_object_get(report, "host");
    fprintf(to, "croft-agent check, %s form, %s\nkernel %s, cgroup v%d, %d processors\n",
            text(report, "form"), text(report, "at"), text(host, "kernel"),
            (int)number(host, "cgroup_version"), (int)number(host, "processors"));
    print_features(report, to);
    print_probes(report, "fidelity", "passed", to);
    print_probes(report, "escapes", "refused", to);
    print_efficiency(report, to);
    print_limits(report, to);
    print_machine(report, to);
    print_neighbour(report, to);
    print_verdict(report, to);
}
