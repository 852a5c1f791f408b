// The whole nftables table, from what is on disk: the rules for all guests and each guest's part (filter_file.h), in one
// transaction. The caller holds the lock of filter.c.
#pragma once

#include "err.h"

#include <stddef.h>

struct agent_config;

enum filter_mode { FILTER_COMMIT, FILTER_CHECK };

// Runs nftables commands in one transaction, or only asks the kernel whether it would take them.
int filter_run(const char *text, size_t len, enum filter_mode mode, struct err *err) _must_check_;

enum filter_all {
    FILTER_ALL_OR_NOTHING, // a part that is refused is an error, and nothing is changed
    FILTER_ALL_SIFT, // a guest whose part is refused is cut off, noted (filter_refused_load()) and tried again the next time
};

// What cannot be known (a guest that has a part which cannot be read, and no record that tells its slot) is an error
// that leaves the table as it is: it never becomes one without filters.
int filter_all_run(const struct agent_config *config, enum filter_all how,
                   struct err *err) _must_check_;
