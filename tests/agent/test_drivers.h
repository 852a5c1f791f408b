// The suites of test_drivers_root.
#pragma once

#include <check.h>

Suite *suite_image(void);
Suite *suite_guest(void);
Suite *suite_volume(void);
Suite *suite_container(void);
Suite *suite_copies(void);
Suite *suite_layer(void);
Suite *suite_live(void);
Suite *suite_full(void);
Suite *suite_network(void);
Suite *suite_neighbours(void);
Suite *suite_shared(void);
Suite *suite_engines(void);
Suite *suite_hostile(void);
Suite *suite_traffic(void);
Suite *suite_filter(void);

// An err that the call fills; the message shows it.
#define CALL(expected, call)                                                                       \
    do {                                                                                           \
        struct err err_ = {0};                                                                     \
        struct err *err = &err_;                                                                   \
        int r_ = (call);                                                                           \
        ck_assert_msg(r_ == (expected), "%s: %d, not %d: %s", #call, r_, (int)(expected),          \
                      err_.text);                                                                  \
    } while (0)
