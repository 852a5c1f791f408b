#include "console_seal.h"

#include "macro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3
#endif

static const char name[] = "croft-agent-worker";

static bool is_sealed(void)
{
    char target[PATH_MAX] = "";
    static const char prefix[] = "/memfd:";
    return readlink("/proc/self/exe", target, sizeof(target) - 1) > 0 &&
           strncmp(target, prefix, sizeof(prefix) - 1) == 0;
}

static int open_memory(struct err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd < 0 ? err_errno(err, errno, "making a file in memory") : fd;
}

static int copy_program(int to, struct err *err)
{
    struct stat st;
    _cleanup_fd_ int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0) {
        return err_errno(err, errno, "opening our own program");
    }
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n <= 0) {
            return err_errno(err, n < 0 ? errno : EIO, "copying our own program");
        }
        left -= n;
    }
    return fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0
               ? err_errno(err, errno, "sealing our own program")
               : 0;
}

int console_seal(char **argv, struct err *err)
{
    if (is_sealed()) {
        return 0;
    }
    _cleanup_fd_ int memory = open_memory(err);
    int r = memory < 0 ? memory : copy_program(memory, err);
    if (r == 0) {
        fexecve(memory, argv, environ);
        r = err_errno(err, errno, "executing our own program again");
    }
    return r;
}
