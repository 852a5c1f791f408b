#include "handover.h"

#include "macro.h"
#include "uuid.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
    struct cmsghdr header; // aligns
    char bytes[CMSG_SPACE(sizeof(int))];
};

int handover_send(int socket, const char *id, int fd, struct err *err)
{
    union control control = {0};
    struct iovec part = {(void *)id, HANDOVER_ID};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == HANDOVER_ID
               ? 0
               : err_errno(err, errno, "handing a terminal over");
}

int handover_receive(int socket, char ret_id[HANDOVER_ID + 1], int *ret_fd, struct err *err)
{
    union control control;
    char id[HANDOVER_ID + 1] = "";
    struct iovec part = {id, HANDOVER_ID};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n;
    do {
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? err_set(err, ERR_NOT_FOUND, "nothing was handed over")
                               : err_errno(err, errno, "taking a terminal");
    }
    if (n == 0) {
        return err_set(err, ERR_SYSTEM, "the other process is gone");
    }
    _cleanup_fd_ int fd = -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(fd))) {
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    }
    if (fd < 0 || n != HANDOVER_ID || !uuid_is(id)) {
        return err_set(err, ERR_PROTOCOL, "what was handed over is no terminal");
    }
    memcpy(ret_id, id, sizeof(id));
    *ret_fd = STEAL_FD(fd);
    return 0;
}
