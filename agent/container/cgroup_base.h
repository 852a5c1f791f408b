// Where in a hierarchy liblxc makes a container's cgroups: below the cgroup that the first process is in, as
// /proc/1/cgroup says. Mostly that is the root; in a container, or under a supervisor that moved itself, it is not.
#pragma once

#include <stddef.h>

enum { CGROUP_BASE_SIZE = 512 };

// controller: that of a version 1 tree ("memory", "systemd", …); "unified" or "" for version 2. out gets "" for the root,
// else "/path" without a slash behind it. Read once for the life of the process.
void cgroup_base(const char *controller, char out[CGROUP_BASE_SIZE]);

// The same out of the text of a /proc/<pid>/cgroup. A controller that it does not name, and a path that does not fit or
// leads upwards, is taken for the root.
void cgroup_base_parse(const char *text, const char *controller, char out[CGROUP_BASE_SIZE]);
