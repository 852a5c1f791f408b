#include "confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <locale.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int drop_capabilities(const int *kept, size_t count)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    for (size_t i = 0; i < count; i++) {
        data[0].effective |= 1U << kept[i];
        data[0].permitted |= 1U << kept[i];
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_capset, &header, data);
}

int confine(const char *directory, const int *capabilities, size_t count, struct err *err)
{
    setlocale(LC_CTYPE, "C.UTF-8"); // while its files can still be reached
    umask(0);
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0 || chroot(directory) < 0 || chdir("/") < 0 ||
        drop_capabilities(capabilities, count) < 0) {
        return err_errno(err, errno, "locking a helper into its folder");
    }
    return 0;
}
