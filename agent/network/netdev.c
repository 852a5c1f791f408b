#include "netdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <sched.h>

static void cleanup_socket(struct nl_sock **sock)
{
    if (*sock) {
        nl_socket_free(*sock);
    }
}

static void cleanup_link(struct rtnl_link **link)
{
    if (*link) {
        rtnl_link_put(*link);
    }
}

static int open_socket(struct nl_sock **ret_sock, struct err *err)
{
    struct nl_sock *sock = nl_socket_alloc();
    if (!sock) {
        abort();
    }
    int r = nl_connect(sock, NETLINK_ROUTE);
    if (r < 0) {
        nl_socket_free(sock);
        return err_set(err, ERR_SYSTEM, "opening route netlink: %s", nl_geterror(r));
    }
    *ret_sock = sock;
    return 0;
}

static int get_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret_link,
                    struct err *err)
{
    int r = rtnl_link_get_kernel(sock, 0, name, ret_link);
    if (r == -NLE_OBJ_NOTFOUND || r == -NLE_NODEV) {
        return err_set(err, ERR_NOT_FOUND, "no network device %s", name);
    }
    return r < 0 ? err_set(err, ERR_SYSTEM, "asking about %s: %s", name, nl_geterror(r)) : 0;
}

int netdev_sample(const char *name, struct netdev_counters *ret_counters, struct err *err)
{
    _cleanup_(cleanup_socket) struct nl_sock *sock = NULL;
    _cleanup_(cleanup_link) struct rtnl_link *link = NULL;
    int r = open_socket(&sock, err);
    if (r == 0) {
        r = get_link(sock, name, &link, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_counters = (struct netdev_counters){
        .rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES),
        .tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES),
        .rx_packets = rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS),
        .tx_packets = rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS),
    };
    return 0;
}

int netdev_delete(const char *name, struct err *err)
{
    if (if_nametoindex(name) == 0) {
        return 0;
    }
    _cleanup_(cleanup_socket) struct nl_sock *sock = NULL;
    _cleanup_(cleanup_link) struct rtnl_link *link = NULL;
    int r = open_socket(&sock, err);
    if (r == 0) {
        r = get_link(sock, name, &link, err);
    }
    if (r < 0) {
        return r == ERR_NOT_FOUND ? 0 : r;
    }
    int e = rtnl_link_delete(sock, link);
    if (e < 0 && e != -NLE_NODEV && e != -NLE_OBJ_NOTFOUND) {
        return err_set(err, ERR_SYSTEM, "deleting %s: %s", name, nl_geterror(e));
    }
    return 0;
}

static int set_up(struct nl_sock *sock, const char *name, const unsigned char *hardware,
                  struct err *err)
{
    _cleanup_(cleanup_link) struct rtnl_link *link = NULL;
    _cleanup_(cleanup_link) struct rtnl_link *change = rtnl_link_alloc();
    int r = get_link(sock, name, &link, err);
    if (r < 0 || !change) {
        return r < 0 ? r : err_set(err, ERR_INTERNAL, "no memory for a link");
    }
    if (hardware) {
        struct nl_addr *address = nl_addr_build(AF_LLC, hardware, 6);
        rtnl_link_set_addr(change, address);
        nl_addr_put(address);
    }
    rtnl_link_set_flags(change, IFF_UP);
    int e = rtnl_link_change(sock, link, change, 0);
    return e < 0 ? err_set(err, ERR_SYSTEM, "bringing %s up: %s", name, nl_geterror(e)) : 0;
}

static int open_inside(struct nl_sock **ret_sock, pid_t inside, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", inside);
    _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0) {
        return err_errno(err, errno, "entering the guest's network");
    }
    int r = open_socket(ret_sock, err);
    if (setns(own, CLONE_NEWNET) < 0) {
        return err_errno(err, errno, "coming back from the guest's network");
    }
    return r;
}

int netdev_make_pair(const char *name, pid_t inside, const unsigned char hardware[6],
                     struct err *err)
{
    _cleanup_(cleanup_socket) struct nl_sock *sock = NULL, *guest = NULL;
    int r = open_socket(&sock, err);
    if (r == 0) {
        r = open_inside(&guest, inside, err);
    }
    if (r < 0) {
        return r;
    }
    int e = rtnl_link_veth_add(sock, name, "eth0", inside);
    if (e < 0) {
        return err_set(err, ERR_SYSTEM, "making %s: %s", name, nl_geterror(e));
    }
    r = set_up(guest, "lo", NULL, err);
    if (r == 0) {
        r = set_up(guest, "eth0", hardware, err);
    }
    return r < 0 ? r : set_up(sock, name, NULL, err);
}

static void cleanup_address(struct rtnl_addr **address)
{
    if (*address) {
        rtnl_addr_put(*address);
    }
}

int netdev_add_loopback_ipv4(const char *address, struct err *err)
{
    _cleanup_(cleanup_socket) struct nl_sock *sock = NULL;
    _cleanup_(cleanup_address) struct rtnl_addr *wanted = rtnl_addr_alloc();
    struct nl_addr *local;
    int r = open_socket(&sock, err);
    if (r < 0) {
        return r;
    }
    if (!wanted || nl_addr_parse(address, AF_INET, &local) < 0) {
        return err_set(err, ERR_INTERNAL, "not an address: %s", address);
    }
    rtnl_addr_set_ifindex(wanted, (int)if_nametoindex("lo"));
    rtnl_addr_set_local(wanted, local);
    rtnl_addr_set_prefixlen(wanted, 32);
    rtnl_addr_set_scope(wanted, RT_SCOPE_LINK);
    nl_addr_put(local);
    int e = rtnl_addr_add(sock, wanted, 0);
    if (e < 0 && e != -NLE_EXIST) {
        return err_set(err, ERR_SYSTEM, "giving lo the address %s: %s", address, nl_geterror(e));
    }
    return 0;
}
