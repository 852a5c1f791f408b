#include "check/check.h"

#include "unit.h"

#include <string.h>

// A report whose every figure is as wanted, with one section replaced.
static json_t *report(const char *section, const char *rows)
{
    static const char good[] =
        "{'fidelity': [{'name': 'init', 'passed': true}], 'escapes': [{'name': 'leave', 'refused': "
        "true}],"
        "'efficiency': [{'name': 'cpu', 'ratio': 0.99, 'wanted': 0.98, 'measured': true}],"
        "'limits': [{'name': 'memory', 'overshoot': 0.0, 'wanted': 0.0, 'measured': true}],"
        "'neighbour': [{'name': 'hog', 'loss': 0.01, 'wanted': 0.05, 'alive': true, 'measured': "
        "true}]}";
    char *text = strdup(good);
    for (char *c = text; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    json_t *made = json_loads(text, 0, NULL);
    free(text);
    ck_assert_ptr_nonnull(made);
    if (section) {
        json_t *replaced = json_loads(rows, 0, NULL);
        ck_assert_ptr_nonnull(replaced);
        json_object_set_new(made, section, replaced);
    }
    return made;
}

static void expect(const char *section, const char *rows, enum verdict verdict, const char *reason)
{
    json_t *made = report(section, rows);
    ck_assert_int_eq(check_judge(made), verdict);
    const json_t *reasons = json_object_get(made, "reasons");
    ck_assert_uint_eq(json_array_size(reasons), reason ? 1 : 0);
    if (reason) {
        ck_assert_str_eq(json_string_value(json_array_get(reasons, 0)), reason);
    }
    json_decref(made);
}

START_TEST(what_is_as_wanted_is_good)
{
    expect(NULL, NULL, VERDICT_GOOD, NULL);
}
END_TEST

START_TEST(a_figure_that_is_missed_is_named)
{
    expect("fidelity", "[{\"name\": \"cron\", \"passed\": false}]", VERDICT_MISSED,
           "not as on a plain Debian: cron");
    expect("efficiency",
           "[{\"name\": \"cpu\", \"ratio\": 0.9, \"wanted\": 0.98, \"measured\": true}]",
           VERDICT_MISSED, "cpu: 0.900 of the host, 0.98 is wanted");
    expect("limits",
           "[{\"name\": \"net\", \"overshoot\": 0.05, \"wanted\": 0.03, \"measured\": true}]",
           VERDICT_MISSED, "limit of net: exceeded by 5.00 %");
    expect("neighbour",
           "[{\"name\": \"hog\", \"loss\": 0.2, \"wanted\": 0.05, \"uncharged\": 0.125, \"alive\": "
           "true, \"measured\": true}]",
           VERDICT_MISSED,
           "hog: the neighbour loses 20.0 %, at most 5 % is wanted; 0.12 processors worked for "
           "nobody's account");
    expect("neighbour",
           "[{\"name\": \"hog\", \"loss\": 0.2, \"wanted\": 0.05, \"uncharged\": -0.3, \"alive\": "
           "true, \"measured\": true}]",
           VERDICT_MISSED, "hog: the neighbour loses 20.0 %, at most 5 % is wanted");
}
END_TEST

START_TEST(what_the_machine_takes_without_a_guest_is_told)
{
    json_t *made =
        report("neighbour", "[{\"name\": \"bomb\", \"unit\": \"processor\", \"loss\": "
                            "0.24, \"wanted\": 0.1, \"alive\": true, \"measured\": true}]");
    json_object_set_new(made, "machine",
                        json_pack("[{s:f, s:b}, {s:f, s:b}, {s:f, s:b}]", "loss", 0.01, "measured",
                                  1, "loss", 0.23, "measured", 1, "loss", 0.9, "measured", 0));
    ck_assert_int_eq(check_judge(made), VERDICT_MISSED);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(made, "reasons"), 0)),
                     "bomb: the neighbour loses 24.0 %, at most 10 % is wanted; without any guest "
                     "a processor here loses 23.0 %");
    json_decref(made);
}
END_TEST

START_TEST(what_was_not_measured_is_no_pass)
{
    expect("efficiency",
           "[{\"name\": \"cpu\", \"ratio\": 1.0, \"wanted\": 0.98, \"measured\": false}]",
           VERDICT_MISSED, "cpu: not measured");
    expect("limits",
           "[{\"name\": \"pids\", \"overshoot\": -1.0, \"wanted\": 0.0, \"measured\": false}]",
           VERDICT_MISSED, "limit of pids: was not reached, so not measured");
    expect("neighbour",
           "[{\"name\": \"hog\", \"loss\": 0.0, \"wanted\": 0.05, \"alive\": true, \"measured\": "
           "false}]",
           VERDICT_MISSED, "hog: not measured");
}
END_TEST

START_TEST(what_a_guest_must_not_get_breaks_it)
{
    expect("escapes", "[{\"name\": \"set the clock\", \"refused\": false}]", VERDICT_BROKEN,
           "a guest may set the clock");
    expect("limits",
           "[{\"name\": \"disk\", \"overshoot\": 0.5, \"wanted\": 0.01, \"measured\": true}]",
           VERDICT_BROKEN, "limit of disk: exceeded by 50.00 %");
    expect("neighbour", "[{\"name\": \"bomb\", \"alive\": false, \"measured\": false}]",
           VERDICT_BROKEN, "bomb: the neighbour is dead");
}
END_TEST

// What a page says of a guest is text, whatever the guest said.
START_TEST(a_page_escapes_what_it_is_told)
{
    char *page;
    size_t len;
    json_t *made =
        report("fidelity", "[{\"name\": \"x\", \"passed\": false, \"said\": \"<script>&\\\"\"}]");
    FILE *to = open_memstream(&page, &len);
    check_judge(made);
    report_print_html(made, to);
    fclose(to);
    ck_assert_ptr_null(strstr(page, "<script"));
    ck_assert_ptr_nonnull(strstr(page, "&lt;script&gt;&amp;&quot;"));
    free(page);
    json_decref(made);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_as_wanted_is_good,
                                  a_figure_that_is_missed_is_named,
                                  what_the_machine_takes_without_a_guest_is_told,
                                  what_was_not_measured_is_no_pass,
                                  what_a_guest_must_not_get_breaks_it,
                                  a_page_escapes_what_it_is_told,
                                  NULL};
    return unit_run(unit_suite("check_judge", tests));
}
