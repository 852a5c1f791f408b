// The frame of a unit test: one suite a file, each case in a process of its own.
#pragma once

#include <check.h>
#include <stdlib.h>

// Runs the suite with libcheck's fork on, prints its closing line, returns main's exit status.
static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// A suite of one case: names of functions made with START_TEST, ended by NULL.
static inline Suite *unit_suite(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 30);
    for (; *tests; tests++) {
        tcase_add_test(cases, *tests);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
