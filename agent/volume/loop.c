#include "loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { ATTEMPTS = 64, SECTOR = 4096 };

static void cleanup_dir(DIR **dir)
{
    if (*dir) {
        closedir(*dir);
    }
}

// -1 unless the device backs that file.
static int open_if_backed_by(const char *device, const struct stat *file)
{
    _cleanup_fd_ int fd = open(device, O_RDWR | O_CLOEXEC);
    struct loop_info64 info;
    if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0) {
        return -1;
    }
    return info.lo_inode == file->st_ino && info.lo_device == file->st_dev ? STEAL_FD(fd) : -1;
}

static int find_attached(int file, char ret_device[32])
{
    struct stat st;
    _cleanup_(cleanup_dir) DIR *dev = opendir("/dev");
    if (!dev || fstat(file, &st) < 0) {
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(dev));) {
        unsigned number;
        if (sscanf(entry->d_name, "loop%u", &number) != 1) {
            continue;
        }
        snprintf(ret_device, 32, "/dev/loop%u", number);
        int fd = open_if_backed_by(ret_device, &st);
        if (fd >= 0) {
            return fd;
        }
    }
    return -1;
}

static int configure(int device, int file)
{
    struct loop_config config = {
        .fd = (unsigned)file,
        .block_size = SECTOR,
        .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO},
    };
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
        return 0;
    }
    if (errno == EINVAL) { // a file system without direct I/O
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        return ioctl(device, LOOP_CONFIGURE, &config);
    }
    return -1;
}

// The kernel names a free device, but another process may take it first: then ask again.
static int attach_new(int file, char ret_device[32], int *ret_fd, struct err *err)
{
    _cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        return err_errno(err, errno, "opening /dev/loop-control");
    }
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) {
            return err_errno(err, errno, "asking for a free loop device");
        }
        snprintf(ret_device, 32, "/dev/loop%d", number);
        _cleanup_fd_ int device = open(ret_device, O_RDWR | O_CLOEXEC);
        if (device < 0) {
            return err_errno(err, errno, "opening %s", ret_device);
        }
        if (configure(device, file) == 0) {
            *ret_fd = STEAL_FD(device);
            return 0;
        }
        if (errno != EBUSY) {
            return err_errno(err, errno, "attaching %s", ret_device);
        }
    }
    return err_set(err, ERR_UNAVAILABLE, "every free loop device was taken by somebody else");
}

int loop_attach(int file, char ret_device[32], int *ret_fd, struct err *err)
{
    // Serialises find-then-attach among our own processes; released when file is closed.
    if (flock(file, LOCK_EX) < 0) {
        return err_errno(err, errno, "locking the loop file");
    }
    int fd = find_attached(file, ret_device);
    if (fd >= 0) {
        *ret_fd = fd;
        return 0;
    }
    return attach_new(file, ret_device, ret_fd, err);
}
