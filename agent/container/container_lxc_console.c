// Terminals of a guest. The login's is one that liblxc made at its start, on which the guest's own getty waits; nothing but the
// guest stands between it and us, so that a guest nobody reads waits by itself. A shell is a process put into the guest.
#include "bounds.h"
#include "container_lxc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <lxc/attach_options.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { LOGIN_TTY = 1, LOGIN_TRIES = 20, LOGIN_PAUSE_NS = 50 * 1000 * 1000, GROUP_TTY = 5 };

static int check_runs(struct lxc_container *container, struct err *err)
{
    const char *state = container->state(container);
    if (!state || strcmp(state, "RUNNING") != 0) {
        // Whoever enters one that stands still would stand still with it.
        return err_set(err, ERR_CONFLICT, "the vps %s",
                       state && strcmp(state, "FROZEN") == 0 ? "is frozen" : "does not run");
    }
    return 0;
}

// ---- The login's

static int open_login(struct lxc_container *container, struct terminal *ret, struct err *err)
{
    static const struct timespec pause = {0, LOGIN_PAUSE_NS};
    int fd = -1;
    int held = -1;
    // The one before may have been let go of a moment ago.
    for (int i = 0; i < LOGIN_TRIES && held < 0; i++) {
        int tty = LOGIN_TTY;
        if (i > 0) {
            nanosleep(&pause, NULL);
        }
        held = container->console_getfd(container, &tty, &fd);
    }
    if (held < 0) {
        return err_set(err, ERR_CONFLICT, "the login console of the vps is in use");
    }
    int ended = container->init_pidfd(container);
    *ret = (struct terminal){.fd = fd, .held = held, .ended = ended};
    return ended < 0 ? err_set(err, ERR_CONFLICT, "the vps does not run") : 0;
}

// ---- A shell

// A new terminal of the guest's own, by a descriptor of the instance that liblxc mounted for it: no path of the guest is
// looked at. What it gives is the kernel's in any case.
static int open_pair(struct lxc_container *container, const struct vps_spec *spec, int *ret_fd,
                     int *ret_guest, struct err *err)
{
    struct stat st;
    int unlock = 0;
    _cleanup_fd_ int devpts = container->devpts_fd(container);
    _cleanup_fd_ int fd =
        devpts < 0 ? -1 : openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) ||
        ioctl(fd, TIOCSPTLCK, &unlock) < 0) {
        return err_set(err, ERR_SYSTEM, "the guest has no room for another terminal");
    }
    _cleanup_fd_ int guest = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (guest < 0 || fchown(guest, spec->id_base, spec->id_base + GROUP_TTY) < 0 ||
        fchmod(guest, 0620) < 0) {
        return err_errno(err, errno, "giving the guest a terminal");
    }
    *ret_fd = STEAL_FD(fd);
    *ret_guest = STEAL_FD(guest);
    return 0;
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++) {
        signal(i, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// In the guest: its root, in all its namespaces, with its terminal as 0, 1 and 2. liblxc has cleared the environment.
static int be_shell(void *payload)
{
    static const struct {
        const char *path, *name;
    } shells[] = {{"/bin/bash", "-bash"}, {"/bin/sh", "-sh"}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals();
    setsid(); // fails where liblxc has made a session of it already
    if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 || syscall(SYS_close_range, 3, ~0U, 0) < 0) {
        return 126;
    }
    if (chdir("/root") < 0 && chdir("/") < 0) {
        return 126;
    }
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        execl(shells[i].path, shells[i].name, (char *)NULL);
    }
    return 127;
}

static int attach(struct lxc_container *container, int guest, pid_t *ret_pid, struct err *err)
{
    static char home[] = "HOME=/root", user[] = "USER=root", logname[] = "LOGNAME=root",
                term[] = "TERM=xterm-256color", cwd[] = "/",
                path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char *variables[] = {home, user, logname, term, path, NULL};
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    options.extra_env_vars = variables;
    options.initial_cwd = cwd;
    options.stdin_fd = options.stdout_fd = options.stderr_fd = guest;
    bounds_take(); // a shell has what init has, from us
    return container->attach(container, be_shell, NULL, &options, ret_pid) < 0
               ? err_set(err, ERR_SYSTEM, "liblxc could not enter the vps")
               : 0;
}

static int open_shell(struct lxc_container *container, const struct vps_spec *spec,
                      struct terminal *ret, struct err *err)
{
    int fd = -1;
    int guest_fd = -1;
    int r = open_pair(container, spec, &fd, &guest_fd, err);
    _cleanup_fd_ int ours = fd;
    _cleanup_fd_ int guest = guest_fd;
    pid_t pid = 0;
    if (r == 0) {
        r = attach(container, guest, &pid, err);
    }
    if (r < 0) {
        return r;
    }
    int ended = (int)syscall(SYS_pidfd_open, pid, 0);
    *ret = (struct terminal){.fd = STEAL_FD(ours), .held = -1, .ended = ended, .shell = pid};
    return ended < 0 ? err_errno(err, errno, "watching a shell") : 0;
}

int lxc_console(const struct agent_config *config, const struct vps_spec *spec,
                enum console_kind kind, struct terminal *ret_terminal, struct err *err)
{
    struct lxc_container *container = NULL;
    int r = lxc_load(config, spec->vps, &container, err);
    if (r == 0) {
        r = check_runs(container, err);
    }
    if (r == 0) {
        r = kind == CONSOLE_LOGIN ? open_login(container, ret_terminal, err)
                                  : open_shell(container, spec, ret_terminal, err);
    }
    if (container) {
        lxc_container_put(container);
    }
    return r;
}
