// Commands on the host: what a guest is compared with.
#include "subject.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

// Between fork and exec.
static int enter(const struct site *site, enum host_place place)
{
    cpu_set_t cpus;
    if ((place == HOST_PLAIN || place == HOST_WORLD) && setns(site->world, CLONE_NEWNET) < 0) {
        return -1;
    }
    if (place == HOST_NODE || place == HOST_WORLD) {
        return 0;
    }
    // One processor, as the guests have: of those that there are the first, as the first guest has it.
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
        for (int cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &cpus) && found++ != site->host_cpu) {
                CPU_CLR(cpu, &cpus);
            }
        }
        sched_setaffinity(0, sizeof(cpus), &cpus);
    }
    return chroot(site->host_root) == 0 && chdir("/") == 0 ? 0 : -1;
}

_noreturn_ static void become(const struct site *site, enum host_place place, const char *command,
                              unsigned timeout_s, int out)
{
    static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char limit[16];
    char *envp[] = {(char *)path, (char *)"LC_ALL=C", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    snprintf(limit, sizeof(limit), "%u", timeout_s);
    if (enter(site, place) == 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) {
        execle("/usr/bin/timeout", "timeout", "-s", "KILL", limit, "/bin/sh", "-c", command,
               (char *)NULL, envp);
    }
    _exit(125);
}

int subject_run_host(struct site *site, enum host_place place, const char *command,
                     unsigned timeout_s, struct run_result *ret_result, struct err *err)
{
    _cleanup_fd_ int out = open(site->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (out < 0) {
        return err_errno(err, errno, "a temporary file");
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(site, place, command, timeout_s, out);
    }
    return subject_finish(pid, out, ret_result, err);
}

pid_t subject_begin_host(struct site *site, const char *command)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent && enter(site, HOST_PLAIN) == 0 && dup2(null, 0) >= 0 &&
            dup2(null, 1) >= 0 && dup2(null, 2) >= 0) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(125);
    }
    return pid;
}

int subject_serve(struct site *site, const char *command, struct err *err)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent && setns(site->world, CLONE_NEWNET) == 0 &&
            chroot(site->host_root) == 0 && chdir("/") == 0 && dup2(null, 0) >= 0 &&
            dup2(null, 1) >= 0 && dup2(null, 2) >= 0) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(125);
    }
    return pid < 0 ? err_errno(err, errno, "starting a server") : 0;
}
