#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { ABOVE = 10 };

static const char *config_file, *folder;

void process_init(const char *config_path)
{
    config_file = config_path;
}

void process_set_folder(const char *path)
{
    folder = path;
}

int process_program(const char *name, char ret_path[PATH_MAX], struct err *err)
{
    char self[PATH_MAX] = "";
    if (!folder && readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
        return err_errno(err, errno, "finding our own program");
    }
    // A program that was replaced by an upgrade reads "… (deleted)"; the new one is in the same place.
    char *slash = strrchr(self, '/');
    int folder_len = slash ? (int)(slash - self) : 0;
    int len = folder ? snprintf(ret_path, PATH_MAX, "%s/%s", folder, name)
                     : snprintf(ret_path, PATH_MAX, "%.*s/%s", folder_len, self, name);
    return len < PATH_MAX ? 0 : err_set(err, ERR_INTERNAL, "the path of %s is too long", name);
}

// Between fork and exec: only what is safe there.
_noreturn_ static void become(const struct process_spec *spec, const char *path, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, spec->death_signal);
    if (getppid() != parent) {
        _exit(1); // it died before the line above
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int in = spec->in >= 0 ? spec->in : null;
    int out = spec->out >= 0 ? spec->out : STDERR_FILENO;
    if (null < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
        _exit(1);
    }
    // Both out of the way first: one may be where the other is to be, and dup2 onto itself would leave close-on-exec set.
    int channel = spec->channel > 0 ? fcntl(spec->channel, F_DUPFD_CLOEXEC, ABOVE) : 0;
    int handover = spec->handover > 0 ? fcntl(spec->handover, F_DUPFD_CLOEXEC, ABOVE) : 0;
    if (channel < 0 || handover < 0 || (channel && dup2(channel, PROCESS_CHANNEL_FD) < 0) ||
        (handover && dup2(handover, PROCESS_HANDOVER_FD) < 0)) {
        _exit(1);
    }
    execl(path, spec->program ? spec->program : "croft-agent", spec->title, "--config", config_file,
          (char *)NULL);
    _exit(1);
}

pid_t process_spawn(const struct process_spec *spec, struct err *err)
{
    char path[PATH_MAX] = "/proc/self/exe";
    int r = spec->program ? process_program(spec->program, path, err) : 0;
    if (r < 0) {
        return r;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return err_errno(err, errno, "starting a %s", spec->title);
    }
    if (pid == 0) {
        become(spec, path, parent);
    }
    return pid;
}
