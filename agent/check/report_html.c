// The report as one page that asks nobody for anything: style and drawings are in it.
#include "check.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 640, ROW = 34, LEFT = 230, RIGHT = 590 };

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<title>Isolation of this node</title>\n<style>body{font:15px/1.5 "
    "sans-serif;max-width:60rem;margin:2rem "
    "auto;padding:0 "
    "1rem;color:#222}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem "
    ".6rem;border-bottom:1px solid "
    "#ddd}.bad{color:#a00000;font-weight:bold}svg{max-width:100%}text{font:13px "
    "sans-serif}</style></head><body>\n";

// Text of a guest may be among it.
static void put_text(const char *text, FILE *to)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static void put_member(const json_t *row, const char *key, FILE *to)
{
    put_text(json_string_value(json_object_get(row, key)), to);
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static void put_probes(const json_t *report, const char *section, const char *good, FILE *to)
{
    size_t index;
    json_t *row;
    fprintf(to, "<h2>%s</h2><table>\n", section);
    json_array_foreach (json_object_get(report, section), index, row) {
        bool is_good = json_is_true(json_object_get(row, good));
        fputs("<tr><td>", to);
        put_member(row, "name", to);
        fprintf(to, is_good ? "<td>%s<td>" : "<td class=\"bad\">not %s<td>", good);
        put_member(row, "said", to);
        fputs("</tr>\n", to);
    }
    fputs("</table>\n", to);
}

static double scale(double value, double most)
{
    return LEFT + (RIGHT - LEFT) * fmin(fmax(value / most, 0), 1);
}

// A bar for the median, a dot for each pair, a line for what is wanted.
struct plot {
    const char *title, *section, *samples, *median;
    double most;
};

static void put_bar(const struct plot *plot, const json_t *row, double y, FILE *to)
{
    size_t index;
    json_t *value;
    fprintf(to, "<text x=\"0\" y=\"%.0f\">", y + 17);
    put_member(row, "name", to);
    fprintf(to,
            "</text><rect x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"18\" fill=\"#8ab4d8\"/>"
            "<text x=\"%d\" y=\"%.0f\">%.3f</text>",
            LEFT, y + 4, scale(number(row, plot->median), plot->most) - LEFT, RIGHT + 6, y + 17,
            number(row, plot->median));
    json_array_foreach (json_object_get(row, plot->samples), index, value) {
        fprintf(to, "<circle cx=\"%.1f\" cy=\"%.0f\" r=\"3\" fill=\"#1f4e79\"/>",
                scale(json_number_value(value), plot->most), y + 13);
    }
    fprintf(to, "<path d=\"M%.1f %.0fv24\" stroke=\"#a00000\" stroke-width=\"2\"/>\n",
            scale(number(row, "wanted"), plot->most), y + 1);
}

static void put_plot(const json_t *report, const struct plot *plot, FILE *to)
{
    const json_t *rows = json_object_get(report, plot->section);
    size_t index;
    json_t *row;
    fprintf(to,
            "<h2>%s</h2><svg viewBox=\"0 0 %d %zu\" width=\"%d\" role=\"img\" aria-label=\"%s\">\n",
            plot->title, WIDTH, json_array_size(rows) * ROW, WIDTH, plot->title);
    json_array_foreach (rows, index, row) {
        put_bar(plot, row, (double)index * ROW, to);
    }
    fputs("</svg><p>Bar: median; dots: each pair; red line: what is wanted.</p>\n", to);
}

static void put_limits(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fputs("<h2>limits</h2><table><tr><th>of<th>limit<th>got<th>over<th>wanted</tr>\n", to);
    json_array_foreach (json_object_get(report, "limits"), index, row) {
        fputs("<tr><td>", to);
        put_member(row, "name", to);
        fprintf(to, "<td>%.6g<td>%.6g<td>%.2f %%<td>%.0f %%</tr>\n", number(row, "limit"),
                number(row, "got"), number(row, "overshoot") * 100, number(row, "wanted") * 100);
    }
    fputs("</table>\n", to);
}

static void put_machine(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fputs("<h2>what a processor loses by another's work, without any guest</h2><table>\n", to);
    json_array_foreach (json_object_get(report, "machine"), index, row) {
        fputs("<tr><td>", to);
        put_member(row, "name", to);
        fprintf(to, "<td>%.1f %%</tr>\n", number(row, "loss") * 100);
    }
    fputs("</table>\n", to);
}

static void put_features(const json_t *report, FILE *to)
{
    size_t index;
    json_t *row;
    fputs("<h2>kernel</h2><table>\n", to);
    json_array_foreach (json_object_get(report, "features"), index, row) {
        fputs("<tr><td>", to);
        put_member(row, "name", to);
        fputs(json_is_true(json_object_get(row, "present")) ? "<td>there<td>"
                                                            : "<td class=\"bad\">missing<td>",
              to);
        put_member(row, "consequence", to);
        fputs("</tr>\n", to);
    }
    fputs("</table>\n", to);
}

static void put_verdict(const json_t *report, FILE *to)
{
    size_t index;
    json_t *reason;
    fputs("<h1>Isolation of this node: ", to);
    put_member(report, "verdict", to);
    fputs("</h1><p>kernel ", to);
    put_member(json_object_get(report, "host"), "kernel", to);
    fprintf(to, ", cgroup v%d, ", (int)number(json_object_get(report, "host"), "cgroup_version"));
    put_member(report, "at", to);
    fputs("</p><ul>\n", to);
    json_array_foreach (json_object_get(report, "reasons"), index, reason) {
        fputs("<li>", to);
        put_text(json_string_value(reason), to);
        fputs("</li>\n", to);
    }
    fputs("</ul>\n", to);
}

void report_print_html(const json_t *report, FILE *to)
{
    static const struct plot plots[] = {
        {"efficiency: guest over host", "efficiency", "ratios", "ratio", 1.25},
        {"the neighbour's loss", "neighbour", "losses", "loss", 0.5},
    };
    fputs(head, to);
    put_verdict(report, to);
    put_features(report, to);
    for (size_t i = 0; i < ARRAY_LEN(plots); i++) {
        put_plot(report, &plots[i], to);
    }
    put_machine(report, to);
    put_limits(report, to);
    put_probes(report, "fidelity", "passed", to);
    put_probes(report, "escapes", "refused", to);
    fputs("</body></html>\n", to);
}
