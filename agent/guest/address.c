#include "address.h"

#include "macro.h"
#include "sysfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <string.h>

enum { ROUTES_MAX = 64 };

static const char *const gateways[] = {"169.254.0.1", "fe80::1"};

// One end of a guest's device.
struct end {
    struct nl_sock *sock;
    int ifindex;
};

struct given {
    struct vps_address addresses[ROUTES_MAX];
    size_t count;
};

static void cleanup_end(struct end *end)
{
    if (end->sock) {
        nl_socket_free(end->sock);
    }
}
#define _cleanup_end_ _cleanup_(cleanup_end)

static void cleanup_addr(struct nl_addr **addr)
{
    if (*addr) {
        nl_addr_put(*addr);
    }
}
#define _cleanup_addr_ _cleanup_(cleanup_addr)

static int af_of(int family)
{
    return family == 4 ? AF_INET : AF_INET6;
}

static int open_end(const char *device, struct end *end, struct err *err)
{
    end->sock = nl_socket_alloc();
    if (!end->sock) {
        abort();
    }
    int e = nl_connect(end->sock, NETLINK_ROUTE);
    if (e < 0) {
        return err_set(err, ERR_SYSTEM, "opening route netlink: %s", nl_geterror(e));
    }
    struct rtnl_link *link = NULL;
    e = rtnl_link_get_kernel(end->sock, 0, device, &link);
    if (e < 0) {
        return err_set(err, ERR_NOT_FOUND, "no network device %s", device);
    }
    end->ifindex = rtnl_link_get_ifindex(link);
    rtnl_link_put(link);
    return 0;
}

// A socket stays in the namespace that it was made in. Without an eth0 in there is none.
static int open_guest_end(pid_t init, struct end *end, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", init);
    _cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWNET) < 0) {
        return err_errno(err, errno, "entering the guest's network");
    }
    int r = open_end("eth0", end, err);
    if (r == ERR_NOT_FOUND) {
        nl_socket_free(STEAL(end->sock));
        r = 0;
    }
    if (setns(own, CLONE_NEWNET) < 0) {
        return err_errno(err, errno, "coming back from the guest's network");
    }
    return r;
}

// ---- What the guest was given

static void take_route(struct nl_object *object, void *arg)
{
    struct given *given = ((void **)arg)[0];
    const int *ifindex = ((void **)arg)[1];
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct nl_addr *dst = rtnl_route_get_dst(route);
    struct rtnl_nexthop *hop =
        rtnl_route_get_nnexthops(route) == 1 ? rtnl_route_nexthop_n(route, 0) : NULL;
    if (!dst || !hop || rtnl_route_nh_get_ifindex(hop) != *ifindex ||
        rtnl_route_get_table(route) != RT_TABLE_MAIN || rtnl_route_get_type(route) != RTN_UNICAST ||
        given->count == ROUTES_MAX) {
        return;
    }
    int family = nl_addr_get_family(dst) == AF_INET ? 4 : 6;
    const void *bytes = nl_addr_get_binary_addr(dst);
    if (nl_addr_get_prefixlen(dst) != (family == 4 ? 32 : 128) ||
        (family == 6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))) {
        return;
    }
    struct vps_address *address = &given->addresses[given->count++];
    address->family = family;
    inet_ntop(af_of(family), bytes, address->text, sizeof(address->text));
}

static int read_given(const struct end *host, struct given *given, struct err *err)
{
    static const int families[] = {AF_INET, AF_INET6};
    int ifindex = host->ifindex;
    void *arg[] = {given, &ifindex};
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct nl_cache *cache = NULL;
        int e = rtnl_route_alloc_cache(host->sock, families[i], 0, &cache);
        if (e < 0) {
            return err_set(err, ERR_SYSTEM, "listing routes: %s", nl_geterror(e));
        }
        nl_cache_foreach(cache, take_route, arg);
        nl_cache_free(cache);
    }
    return 0;
}

static bool has(const struct vps_address *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_family(const struct vps_address *list, size_t count, int family)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].family == family) {
            return true;
        }
    }
    return false;
}

// ---- One address, route or neighbour

enum change { CHANGE_ADD, CHANGE_DELETE };

static int settle(int e, const char *what, const char *text, struct err *err)
{
    if (e < 0 && e != -NLE_EXIST && e != -NLE_OBJ_NOTFOUND && e != -NLE_NOADDR) {
        return err_set(err, ERR_SYSTEM, "%s %s: %s", what, text, nl_geterror(e));
    }
    return 0;
}

static int parse(int family, const char *text, struct nl_addr **ret_addr, struct err *err)
{
    int e = nl_addr_parse(text, af_of(family), ret_addr);
    return e < 0 ? err_set(err, ERR_INTERNAL, "not an address: %s", text) : 0;
}

static int change_address(const struct end *end, const struct vps_address *address, unsigned prefix,
                          enum change change, struct err *err)
{
    _cleanup_addr_ struct nl_addr *local = NULL;
    int r = parse(address->family, address->text, &local, err);
    if (r < 0) {
        return r;
    }
    struct rtnl_addr *wanted = rtnl_addr_alloc();
    if (!wanted) {
        abort();
    }
    rtnl_addr_set_ifindex(wanted, end->ifindex);
    rtnl_addr_set_local(wanted, local);
    rtnl_addr_set_prefixlen(wanted, (int)prefix);
    if (address->family == 6) {
        rtnl_addr_set_flags(wanted, IFA_F_NODAD); // nobody else is on the link
    }
    int e = change == CHANGE_ADD ? rtnl_addr_add(end->sock, wanted, 0)
                                 : rtnl_addr_delete(end->sock, wanted, 0);
    rtnl_addr_put(wanted);
    return settle(e, "the address", address->text, err);
}

// dst NULL: the default route, through via.
static int change_route(const struct end *end, int family, const char *dst, const char *via,
                        enum change change, struct err *err)
{
    _cleanup_addr_ struct nl_addr *to = NULL, *gateway = NULL;
    int r = parse(family, dst ? dst : family == 4 ? "0.0.0.0/0" : "::/0", &to, err);
    if (r == 0 && via) {
        r = parse(family, via, &gateway, err);
    }
    if (r < 0) {
        return r;
    }
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (!route || !hop) {
        abort();
    }
    rtnl_route_set_family(route, (uint8_t)af_of(family));
    rtnl_route_set_table(route, RT_TABLE_MAIN);
    rtnl_route_set_dst(route, to);
    rtnl_route_set_scope(route, via || family == 6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
    // Those of liblxc, of a start, say boot; a delete matches what it names.
    rtnl_route_set_protocol(route, change == CHANGE_ADD ? RTPROT_BOOT : RTPROT_UNSPEC);
    rtnl_route_nh_set_ifindex(hop, end->ifindex);
    if (gateway) {
        rtnl_route_nh_set_gateway(hop, gateway);
    }
    rtnl_route_add_nexthop(route, hop);
    int e = change == CHANGE_ADD ? rtnl_route_add(end->sock, route, NLM_F_EXCL)
                                 : rtnl_route_delete(end->sock, route, 0);
    rtnl_route_put(route);
    return settle(e, "the route to", dst ? dst : "everywhere", err);
}

// The host's end has the IPv6 gateway as an address of its own. liblxc makes a proxy for it, which the kernel forgets
// when the guest's end goes down, and by chance while the guest starts (with the link's first, late "no carrier").
static int add_gateway6(const struct end *host, struct err *err)
{
    struct vps_address gateway = {.family = 6};
    snprintf(gateway.text, sizeof(gateway.text), "%s", gateways[1]);
    return change_address(host, &gateway, 128, CHANGE_ADD, err);
}

int address_open_gateway6(const struct vps_spec *spec, const char *device, struct err *err)
{
    _cleanup_end_ struct end host = {0};
    if (!has_family(spec->addresses, spec->address_count, 6)) {
        return 0;
    }
    int r = open_end(device, &host, err);
    if (r == ERR_NOT_FOUND) {
        return 0; // its guest has deleted it: it comes back with the next start
    }
    return r < 0 ? r : add_gateway6(&host, err);
}

// The guest's own end is its own affair: it may have renamed, taken away or emptied it. What decides is the host's end;
// here everything is tried and nothing demanded. What is missing comes back with the next start.
static void give_guest(const struct end *guest, const struct vps_address *address, bool first)
{
    struct err ignored = {0};
    const char *gateway = gateways[address->family == 6];
    if (!guest->sock ||
        change_address(guest, address, address_prefix(address), CHANGE_ADD, &ignored) < 0 ||
        !first) {
        return;
    }
    if (change_route(guest, address->family, gateway, NULL, CHANGE_ADD, &ignored) == 0) {
        (void)!change_route(guest, address->family, NULL, gateway, CHANGE_ADD, &ignored);
    }
}

// How wide it was given is not known here.
static void take_from_guest(const struct end *guest, const struct vps_address *address)
{
    struct err ignored = {0};
    unsigned widest = address->family == 4 ? 8 : 128;
    for (unsigned prefix = address->family == 4 ? 32 : 128; guest->sock && prefix >= widest;
         prefix--) {
        (void)!change_address(guest, address, prefix, CHANGE_DELETE, &ignored);
    }
}

// The first address of a family needs somebody who answers for the gateway.
static int open_family(const struct end *host, const char *device, int family, struct err *err)
{
    char path[128];
    if (family == 6) {
        return add_gateway6(host, err);
    }
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/proxy_arp", device);
    return sysfile_write(path, "1", err);
}

static int add_missing(const struct vps_spec *spec, const struct given *given,
                       const struct end *host, const struct end *guest, const char *device,
                       struct err *err)
{
    bool opened[2] = {has_family(given->addresses, given->count, 4),
                      has_family(given->addresses, given->count, 6)};
    int r = 0;
    for (size_t i = 0; i < spec->address_count && r == 0; i++) {
        const struct vps_address *address = &spec->addresses[i];
        bool *family_open = &opened[address->family == 6];
        if (has(given->addresses, given->count, address->text)) {
            continue;
        }
        give_guest(guest, address, !*family_open);
        if (!*family_open) {
            r = open_family(host, device, address->family, err);
            *family_open = true;
        }
        // Last, since it says that the guest has the address.
        if (r == 0) {
            r = change_route(host, address->family, address->text, NULL, CHANGE_ADD, err);
        }
    }
    return r;
}

// A route that is there already may be another guest's, which then has the address: nobody is given it beside him.
static int check_routed(const struct vps_spec *spec, const struct end *host, struct err *err)
{
    struct given now = {0};
    int r = read_given(host, &now, err);
    for (size_t i = 0; i < spec->address_count && r == 0; i++) {
        if (!has(now.addresses, now.count, spec->addresses[i].text)) {
            r = err_set(err, ERR_CONFLICT, "the route to %s is another device's",
                        spec->addresses[i].text);
        }
    }
    return r;
}

static int unroute_others(const struct vps_spec *spec, const struct given *given,
                          const struct end *host, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < given->count && r == 0; i++) {
        const struct vps_address *address = &given->addresses[i];
        if (!has(spec->addresses, spec->address_count, address->text)) {
            r = change_route(host, address->family, address->text, NULL, CHANGE_DELETE, err);
        }
    }
    return r;
}

// After the new ones are there: with the last address of a device the kernel drops its routes.
static void take_others(const struct vps_spec *spec, const struct given *given,
                        const struct end *guest)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct vps_address *address = &given->addresses[i];
        if (!has(spec->addresses, spec->address_count, address->text)) {
            take_from_guest(guest, address);
        }
    }
}

unsigned address_prefix(const struct vps_address *address)
{
    const char *slash = strchr(address->network, '/');
    if (address->family == 4 && address->kind == ADDRESS_NETWORK && slash) {
        return (unsigned)strtoul(slash + 1, NULL, 10);
    }
    return address->family == 4 ? 32 : 128;
}

int address_sync(const struct vps_spec *spec, const char *device, pid_t init, struct err *err)
{
    _cleanup_end_ struct end host = {0};
    _cleanup_end_ struct end guest = {0};
    struct given given = {0};
    int r = open_end(device, &host, err);
    if (r == ERR_NOT_FOUND) {
        return 0; // with its own end the guest has deleted ours; the next start makes both
    }
    if (r == 0) {
        r = read_given(&host, &given, err);
    }
    if (r == 0) {
        r = open_guest_end(init, &guest, err);
    }
    if (r == 0) {
        r = unroute_others(spec, &given, &host, err);
    }
    if (r == 0) {
        r = add_missing(spec, &given, &host, &guest, device, err);
    }
    if (r == 0) {
        r = check_routed(spec, &host, err);
    }
    if (r == 0) {
        take_others(spec, &given, &guest);
    }
    return r;
}
