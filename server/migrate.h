// Brings a database from any past schema to the current one. Used by main.c and by tests.
#pragma once

#include "err.h"

struct server_config;

struct migrate_report {
    int applied; // migrations of this run
    int known; // applied by earlier runs
    int functions; // files reloaded
};

// Applies config->migrations_dir as migrations/README.md says, under an advisory lock that makes a
// second run wait. Each file is one transaction: a failure leaves what came before it, and the error
// names file and line.
int migrate_run(const struct server_config *config, struct migrate_report *ret_report,
                struct err *err) _must_check_;
