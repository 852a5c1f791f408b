#include "kmsg.h"

#include "macro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

// A record is at most 1,024 bytes of text and what stands around it, with escapes.
enum { RECORD_SIZE = 8192, BATCH = 256 };

struct kmsg {
    int fd;
    struct event *readable;
    void (*on_record)(const char *record, void *arg);
    void *arg;
};

// One record; false when there is none. Records that were overwritten before we came are skipped by the kernel.
static bool read_record(struct kmsg *kmsg, char record[RECORD_SIZE])
{
    ssize_t n;
    do {
        n = read(kmsg->fd, record, RECORD_SIZE - 1);
    } while (n < 0 && (errno == EPIPE || errno == EINTR));
    if (n <= 0) {
        return false;
    }
    record[n] = '\0';
    return true;
}

// The loop comes back for what is left.
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct kmsg *kmsg = arg;
    char record[RECORD_SIZE];
    for (int i = 0; i < BATCH && read_record(kmsg, record); i++) {
        kmsg->on_record(record, kmsg->arg);
    }
}

int kmsg_open(struct event_base *base, void (*on_record)(const char *record, void *arg), void *arg,
              struct kmsg **ret_kmsg, struct err *err)
{
    _cleanup_fd_ int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "opening /dev/kmsg");
    }
    struct kmsg *kmsg = calloc(1, sizeof(*kmsg));
    if (!kmsg) {
        abort();
    }
    *kmsg = (struct kmsg){.fd = STEAL_FD(fd), .on_record = on_record, .arg = arg};
    kmsg->readable = event_new(base, kmsg->fd, EV_READ | EV_PERSIST, on_readable, kmsg);
    if (!kmsg->readable || event_add(kmsg->readable, NULL) < 0) {
        kmsg_close(kmsg);
        return err_set(err, ERR_INTERNAL, "the kernel's log cannot be waited for");
    }
    *ret_kmsg = kmsg;
    return 0;
}

void kmsg_close(struct kmsg *kmsg)
{
    if (kmsg) {
        if (kmsg->readable) {
            event_free(kmsg->readable);
        }
        close(kmsg->fd);
        free(kmsg);
    }
}
