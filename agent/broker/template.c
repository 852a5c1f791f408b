#include "template.h"

#include "config.h"
#include "process.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

// A request is one byte with the two descriptors, the answer the child's id or a negative errno: same
// program, same machine, not a protocol.

enum { ANSWER_MS = 5000, DESCRIPTORS = 2, ATTEMPTS = 2 };

union control {
    struct cmsghdr header; // aligns
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
};

struct template
{
    int channel; // -1: there is no process
    pid_t pid;
};

// False: the broker is gone.
static bool receive(int channel, int fds[DESCRIPTORS])
{
    char byte;
    union control control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n;
    do {
        n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (n != 1 || !header || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(DESCRIPTORS * sizeof(int))) {
        return false;
    }
    memcpy(fds, CMSG_DATA(header), DESCRIPTORS * sizeof(int));
    return true;
}

_noreturn_ static void become_worker(const struct agent_config *config, int channel,
                                     const int fds[DESCRIPTORS], pid_t broker)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != broker || dup2(fds[0], STDIN_FILENO) < 0 || dup2(fds[1], STDOUT_FILENO) < 0) {
        _exit(1);
    }
    close(fds[0]);
    close(fds[1]);
    close(channel);
    _exit(worker_main(config));
}

int template_main(const struct agent_config *config, int channel)
{
    pid_t broker = getppid();
    int fds[DESCRIPTORS];
    while (receive(channel, fds)) {
        // With CLONE_PARENT the broker is the parent, who waits for it and whose death it shares. The
        // bare call is safe here, where nothing has ever made a thread.
        long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
            become_worker(config, channel, fds, broker);
        }
        pid_t answer = pid < 0 ? (pid_t)-errno : (pid_t)pid;
        close(fds[0]);
        close(fds[1]);
        if (send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) {
            break;
        }
    }
    return 0;
}

struct template *template_create(void)
{
    struct template *template = calloc(1, sizeof(*template));
    if (!template) {
        abort();
    }
    template->channel = -1;
    return template;
}

static void stop(struct template *template)
{
    if (template->channel >= 0) {
        close(template->channel);
        kill(template->pid, SIGKILL);
        template->channel = -1;
    }
}

void template_destroy(struct template *template)
{
    if (template) {
        stop(template);
        free(template);
    }
}

static int start(struct template *template, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_errno(err, errno, "making a socket pair");
    }
    _cleanup_fd_ int ours = pair[0];
    _cleanup_fd_ int theirs = pair[1];
    const struct process_spec spec = {.title = "worker",
                                      .program = "croft-agent-worker",
                                      .in = -1,
                                      .out = -1,
                                      .channel = theirs,
                                      .death_signal = SIGKILL};
    pid_t pid = process_spawn(&spec, err);
    if (pid < 0) {
        return (int)pid;
    }
    template->pid = pid;
    template->channel = STEAL_FD(ours);
    return 0;
}

static int ask(const struct template *template, const int fds[DESCRIPTORS], struct err *err)
{
    char byte = 0;
    union control control = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(DESCRIPTORS * sizeof(int));
    memcpy(CMSG_DATA(header), fds, DESCRIPTORS * sizeof(int));
    return sendmsg(template->channel, &message, MSG_NOSIGNAL) == 1
               ? 0
               : err_errno(err, errno, "asking for a worker");
}

static int hear(const struct template *template, pid_t *ret_pid, struct err *err)
{
    struct pollfd answered = {.fd = template->channel, .events = POLLIN};
    int n;
    do {
        n = poll(&answered, 1, ANSWER_MS);
    } while (n < 0 && errno == EINTR);
    pid_t pid = 0;
    if (n == 0) {
        return err_set(err, ERR_TIMEOUT, "no worker came in time");
    }
    if (recv(template->channel, &pid, sizeof(pid), MSG_DONTWAIT) != sizeof(pid)) {
        return err_set(err, ERR_SYSTEM, "the process that makes workers has died");
    }
    if (pid <= 0) {
        return err_errno(err, -pid, "starting a worker");
    }
    *ret_pid = pid;
    return 0;
}

int template_fork(struct template *template, int in, int out, pid_t *ret_pid, struct err *err)
{
    const int fds[DESCRIPTORS] = {in, out};
    int r = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        r = template->channel < 0 ? start(template, err) : 0;
        if (r == 0) {
            r = ask(template, fds, err);
        }
        if (r == 0) {
            r = hear(template, ret_pid, err);
        }
        if (r == 0) {
            return 0;
        }
        // A worker whose id never came would run on its own; the lock of its vps keeps a second away.
        stop(template);
    }
    return r;
}
