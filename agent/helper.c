#include "helper.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

// The answer is one struct err: same version, same machine, not a protocol. It reads as nothing if the
// helper was killed.

_noreturn_ static void become(const char *path, const char *role, const char *argument, int in,
                              int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
        _exit(1);
    }
    execl(path, "croft-agent", role, argument, (char *)NULL);
    _exit(1);
}

static int hear(int from, const char *role, struct err *err)
{
    struct err said = {0};
    ssize_t n;
    do {
        n = read(from, &said, sizeof(said));
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(said)) {
        return err_set(err, ERR_SYSTEM, "croft-agent %s was killed", role);
    }
    if (said.code < 0) {
        return err_set(err, said.code, "%.*s", (int)sizeof(said.text) - 1, said.text);
    }
    return 0;
}

int helper_run(const char *role, const char *argument, int in, struct err *err)
{
    char path[PATH_MAX];
    int answer[2];
    int r = process_program("croft-agent", path, err);
    if (r < 0) {
        return r;
    }
    if (pipe2(answer, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "making a pipe");
    }
    _cleanup_fd_ int from = answer[0];
    pid_t pid = fork();
    if (pid == 0) {
        become(path, role, argument, in, answer[1]);
    }
    close(answer[1]);
    if (pid < 0) {
        return err_errno(err, errno, "starting croft-agent %s", role);
    }
    r = hear(from, role, err);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return r;
}

int helper_answer(const struct err *err)
{
    return write(STDOUT_FILENO, err, sizeof(*err)) == sizeof(*err) ? 0 : 1;
}
