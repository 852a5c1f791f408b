#include "listener.h"

#include "macro.h"

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BACKLOG = 1024 };

// libevent's parser refuses port 0, so address and port are read apart.
static int parse_listen(const char *listen, struct sockaddr_storage *ret_address, int *ret_len,
                        struct err *err)
{
    char host[64];
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    long port = colon && colon[1] ? strtol(colon + 1, &end, 10) : -1;
    *ret_len = sizeof(*ret_address);
    if (port < 0 || port > 65535 || *end || (size_t)(colon - listen) >= sizeof(host)) {
        return err_set(err, ERR_INVALID, "%s is not address:port", listen);
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)ret_address, ret_len) < 0) {
        return err_set(err, ERR_INVALID, "%s is not address:port", listen);
    }
    in_port_t *place = ret_address->ss_family == AF_INET6
                           ? &((struct sockaddr_in6 *)ret_address)->sin6_port
                           : &((struct sockaddr_in *)ret_address)->sin_port;
    *place = htons((uint16_t)port);
    return 0;
}

int listener_open(const char *listen_at, enum listener_share share, int *ret_fd, struct err *err)
{
    struct sockaddr_storage address = {0};
    int len;
    int r = parse_listen(listen_at, &address, &len, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_errno(err, errno, "making a socket");
    }
    static const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (share == LISTENER_SHARED) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // accepted sockets inherit it
    if (bind(fd, (struct sockaddr *)&address, (socklen_t)len) < 0 || listen(fd, BACKLOG) < 0) {
        return err_errno(err, errno, "listening on %s", listen_at);
    }
    *ret_fd = STEAL_FD(fd);
    return 0;
}

int listener_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    getsockname(fd, (struct sockaddr *)&address, &len);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}
