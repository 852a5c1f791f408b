// The master: starts workers, restarts those that die, replaces them one after another on SIGHUP, ends
// them on SIGTERM. It opens no socket and knows no database.
#pragma once

#include "config.h"

// Runs until SIGTERM or SIGINT; returns the exit status. pid_file may be NULL.
int master_run(const char *config_path, const struct server_config *config, const char *pid_file);
