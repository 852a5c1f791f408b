// The master process: starts broker and link, and both again when either dies. It never touches guests.
#pragma once

struct agent_config;

// Runs until SIGTERM or SIGINT. pid_file may be NULL. Returns the exit status.
int master_main(const struct agent_config *config, const char *pid_file);
