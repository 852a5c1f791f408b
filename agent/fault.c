#include "fault.h"

#ifdef CROFT_FAULTS

#include "config.h"
#include "file.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

enum { FAULT_FILE_MAX = 64 * 1024 };

// Takes the first line `<who> <kind>.<step>` out of text; who is copied.
static int take_line(char *text, const char *kind, const char *step, char who[16])
{
    for (char *line = text; *line;) {
        char *end = strchrnul(line, '\n');
        char at[128];
        if (sscanf(line, "%15s %127s", who, at) == 2) {
            char wanted[128];
            snprintf(wanted, sizeof(wanted), "%s.%s", kind, step);
            if (strcmp(at, wanted) == 0) {
                char *rest = *end ? end + 1 : end;
                memmove(line, rest, strlen(rest) + 1);
                return 1;
            }
        }
        line = *end ? end + 1 : end;
    }
    return 0;
}

static int kill_process(const struct agent_config *config, const char *who, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/run/%s.pid", config->state_dir, who);
    _cleanup_free_ char *text = NULL;
    int r = file_read(path, 32, &text, NULL, err);
    pid_t pid = r < 0 ? 0 : (pid_t)strtol(text, NULL, 10);
    if (pid > 1) {
        kill(pid, SIGKILL);
    }
    return r;
}

// Until not a byte more goes into the state folder. The file is the test's to remove.
static void fill_disk(const struct agent_config *config)
{
    static const char zeros[64 * 1024];
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/fill", config->state_dir);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    for (size_t size = sizeof(zeros); fd >= 0 && size > 0; size /= 2) {
        while (write(fd, zeros, size) > 0) {
        }
    }
}

int fault_point(const struct agent_config *config, const char *kind, const char *step,
                struct err *err)
{
    char path[PATH_MAX];
    char who[16];
    snprintf(path, sizeof(path), "%s/fault", config->state_dir);
    _cleanup_free_ char *text = NULL;
    if (file_read(path, FAULT_FILE_MAX, &text, NULL, NULL) < 0 ||
        !take_line(text, kind, step, who)) {
        return 0;
    }
    int r = *text ? file_write_atomic(path, text, strlen(text), 0600, err) : unlink(path);
    if (r < 0) {
        return err_set(err, ERR_INTERNAL, "the fault file cannot be changed");
    }
    if (strcmp(who, "fail") == 0) {
        return err_set(err, ERR_INTERNAL, "failed at %s.%s on purpose", kind, step);
    }
    if (strcmp(who, "worker") == 0) {
        raise(SIGKILL);
    }
    if (strcmp(who, "fill") == 0) {
        fill_disk(config);
        return 0;
    }
    while (strcmp(who, "hang") == 0) {
        pause();
    }
    return kill_process(config, who, err);
}

#else
typedef int fault_is_built_in_tests_only;
#endif
