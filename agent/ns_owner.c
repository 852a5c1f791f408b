#include "ns_owner.h"

#include "macro.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t owner;
static void (*at_birth)(void);

typedef long (*call_fn)(long number, ...);

static call_fn kernel(void)
{
    static call_fn found;
    if (!found) {
        *(void **)&found = dlsym(RTLD_NEXT, "syscall");
    }
    return found;
}

void ns_owner_set(uint32_t id, void (*born)(void))
{
    owner = id;
    at_birth = born;
}

// The kernel's own call: it is for this thread alone, and glibc's would ask liblxc's other ones.
static int be(uid_t id)
{
    return kernel()(SYS_setresuid, (long)id, (long)id, -1L) < 0 ? -errno : 0;
}

int ns_owner_become(uint32_t id, struct err *err)
{
    int bits = prctl(PR_GET_SECUREBITS);
    if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0 || be(id) < 0) {
        return err_errno(err, errno, "becoming the owner of a namespace");
    }
    return 0;
}

enum { A_GUEST = CLONE_NEWUSER | CLONE_NEWPID, MAPPED_WITHIN_MS = 5000 };

static bool makes_guest(long number, const long args[6])
{
#ifdef SYS_clone3
    if (number == SYS_clone3) {
        const struct clone_args *wanted = (const struct clone_args *)args[0];
        return (wanted->flags & A_GUEST) == A_GUEST;
    }
#endif
    return number == SYS_clone && (args[0] & A_GUEST) == A_GUEST;
}

// The new process is root of its namespace once its ids are written, for which nobody waits for it. Before, liblxc (5.0) could find it
// to be root by one of its ids and not by the other, which it takes for a program with rights by file, and breaks.
static void wait_for_ids(void)
{
    for (int i = 0; i < MAPPED_WITHIN_MS * 10 && (getuid() != 0 || geteuid() != 0); i++) {
        usleep(100);
    }
}

// All rights stay as they are meanwhile (or the new group could not be entered); the child is in its own namespace root at once.
static long make_owned(long number, const long args[6])
{
    int bits = prctl(PR_GET_SECUREBITS);
    uid_t self = getuid();
    if (bits >= 0 && prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) == 0) {
        (void)!be(owner);
    }
    long r = kernel()(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (r == 0) {
        if (at_birth) {
            at_birth();
        }
        wait_for_ids();
        return 0;
    }
    int e = errno;
    (void)!be(self);
    prctl(PR_SET_SECUREBITS, bits);
    errno = e;
    return r;
}

// Stands before the C library's function of that name also for liblxc, which has no setting for this: it makes namespaces as the
// user who runs it, and must be run by root. Like the C library's it passes six words on, however few there are: to the sanitizer it
// would read beyond its caller's.
__attribute__((visibility("default"), no_sanitize("address"))) long syscall(long number, ...)
{
    long args[6];
    va_list ap;
    va_start(ap, number);
    for (size_t i = 0; i < ARRAY_LEN(args); i++) {
        args[i] = va_arg(ap, long);
    }
    va_end(ap);
    if (owner > 0 && makes_guest(number, args)) {
        return make_owned(number, args);
    }
    return kernel()(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

int ns_owner_of(pid_t pid, uint32_t *ret_id, struct err *err)
{
    char path[64];
    uid_t id;
    snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, NS_GET_OWNER_UID, &id) < 0) {
        return err_errno(err, errno, "asking whose %s is", path);
    }
    *ret_id = id;
    return 0;
}
