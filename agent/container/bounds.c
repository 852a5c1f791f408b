#include "bounds.h"

#include "host.h"
#include "macro.h"
#include "sysfile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

// Only ever up. But for the first, which each guest has for itself, these are one count for the machine, and each thing that is
// counted costs its guest memory (of the processes, its own limit).
static const struct {
    const char *path, *least;
} machine[] = {
    // The kernel's 128 are used up by a guest with some systemd services of users, whose next one then ends silently.
    {"/proc/sys/fs/inotify/max_user_instances", "8192"},
    {"/proc/sys/fs/aio-max-nr", "2147483647"}, // of 65,536 one database takes a tenth
    {"/proc/sys/fs/file-max", "9223372036854775807"},
    {"/proc/sys/kernel/pid_max", "4194304"},
    {"/proc/sys/kernel/pty/max", "1048576"}, // a guest may mount devpts anew
};

// Of these what is taken is charged to the guest's memory, but for pending signals: those pass its limit.
static const struct {
    int resource;
    rlim_t value;
} kept_at_birth[] = {
    {RLIMIT_SIGPENDING, 65536},
    {RLIMIT_NPROC, RLIM_INFINITY}, // bounded by its cgroup
    {RLIMIT_MSGQUEUE, RLIM_INFINITY},
    {RLIMIT_MEMLOCK, RLIM_INFINITY},
};

size_t bounds_of_init(struct bound bounds[BOUNDS_OF_INIT_MAX])
{
    // Those of a plain system.
    static const struct bound plain[] = {{"sigpending", RLIMIT_SIGPENDING, 65536},
                                         {"msgqueue", RLIMIT_MSGQUEUE, 819200},
                                         {"memlock", RLIMIT_MEMLOCK, 8388608}};
    struct host_facts facts;
    size_t count = ARRAY_LEN(plain);
    memcpy(bounds, plain, sizeof(plain));
    host_observe(&facts);
    if (facts.core_pipe) {
        // The program behind the pipe is the host's and runs as its root, outside of every limit of the
        // guest's: a limit of one byte is what the kernel takes as "not at all", also for a pipe (core(5)).
        bounds[count++] = (struct bound){"core", RLIMIT_CORE, 1};
    }
    return count;
}

void bounds_take(void)
{
    struct bound bounds[BOUNDS_OF_INIT_MAX];
    size_t count = bounds_of_init(bounds);
    for (size_t i = 0; i < count; i++) {
        const struct rlimit limit = {(rlim_t)bounds[i].value, (rlim_t)bounds[i].value};
        setrlimit((__rlimit_resource_t)bounds[i].resource, &limit);
    }
}

void bounds_set(void)
{
    for (size_t i = 0; i < ARRAY_LEN(machine); i++) {
        struct err ignored = {0};
        uint64_t now;
        if (sysfile_read_u64(machine[i].path, &now, &ignored) == 0 &&
            now < strtoull(machine[i].least, NULL, 10)) {
            (void)!sysfile_write(machine[i].path, machine[i].least, &ignored);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(kept_at_birth); i++) {
        const struct rlimit limit = {kept_at_birth[i].value, kept_at_birth[i].value};
        setrlimit((__rlimit_resource_t)kept_at_birth[i].resource, &limit);
    }
}
