// The fake guest's terminal: says what is typed into it, and obeys a few words, each a line: flood, size, exit.
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>

enum { LINE_MAX_LEN = 256 };

static void say(const char *text, size_t len)
{
    for (ssize_t n; len > 0; text += n, len -= (size_t)n) {
        n = write(STDOUT_FILENO, text, len);
        if (n <= 0) {
            _exit(1); // hung up
        }
    }
}

_noreturn_ static void flood(void)
{
    char page[4096];
    memset(page, 'y', sizeof(page));
    for (;;) {
        say(page, sizeof(page));
    }
}

static void obey(const char *line)
{
    struct winsize size;
    char text[64];
    if (strcmp(line, "flood") == 0) {
        flood();
    } else if (strcmp(line, "exit") == 0) {
        _exit(0);
    } else if (strcmp(line, "size") == 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) {
        say(text, (size_t)snprintf(text, sizeof(text), "%u %u\n", size.ws_row, size.ws_col));
    }
}

_noreturn_ static void be_guest(const char *vps, enum console_kind kind)
{
    char text[LINE_MAX_LEN];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1);
    signal(SIGPIPE, SIG_DFL);
    say(text, (size_t)snprintf(text, sizeof(text), "fake %s of %s\n",
                               kind == CONSOLE_LOGIN ? "login" : "shell", vps));
    for (;;) {
        ssize_t n = read(STDIN_FILENO, text, sizeof(text) - 1); // the terminal makes lines of it
        if (n <= 0) {
            _exit(0);
        }
        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        obey(text);
    }
}

int fake_console(const struct agent_config *config, const struct vps_spec *spec,
                 enum console_kind kind, struct terminal *ret_terminal, struct err *err)
{
    if (fake_running_ns(config, spec->vps) == 0) {
        return err_set(err, ERR_CONFLICT, "the vps does not run");
    }
    int fd = -1;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    if (pid < 0) {
        return err_errno(err, errno, "making a terminal");
    }
    if (pid == 0) {
        be_guest(spec->vps, kind);
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    int ended = (int)syscall(SYS_pidfd_open, pid, 0);
    *ret_terminal = (struct terminal){.fd = fd, .held = -1, .ended = ended, .shell = pid};
    return ended < 0 ? err_errno(err, errno, "watching a terminal") : 0;
}
