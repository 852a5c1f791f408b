// Routed veth: each guest has /32 and /128 addresses behind a device of its own, crv<slot>; liblxc
// makes the device and its routes. One nftables table holds for all guests and knows none of them
// by name: a guest's source address is right when the route back leads to its own device. Elements
// for each guest would say the same twice, and taking one out waits 13 ms for the kernel, one after
// another.
#include "address.h"
#include "config.h"
#include "drivers.h"
#include "helper.h"
#include "netdev.h"
#include "plan_limits.h"
#include "rates.h"
#include "sysfile.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static const struct {
    const char *path, *value;
} sysctls[] = {
    {"/proc/sys/net/ipv4/ip_forward", "1"},
    {"/proc/sys/net/ipv4/conf/all/forwarding", "1"},
    {"/proc/sys/net/ipv6/conf/all/forwarding", "1"},
    {"/proc/sys/net/ipv6/conf/all/proxy_ndp", "1"},
    {"/proc/sys/net/ipv6/conf/default/proxy_ndp", "1"},
    // Else a guest's first packet waits up to a second for the gateway's answer. The default holds
    // for devices made later, also for the one a guest gets when it reboots itself. Network
    // namespaces but the first have no defaults to set: attach() does each device there.
    {"/proc/sys/net/ipv4/neigh/default/proxy_delay", "0"},
    {"/proc/sys/net/ipv6/neigh/default/proxy_delay", "0"},
};

// One transaction: the chains are rewritten while running guests stay filtered throughout.
static const char ruleset[] =
    "add table inet croft\n"
    "add chain inet croft guest\n"
    "add chain inet croft prerouting { type filter hook prerouting priority raw; policy accept; }\n"
    "add chain inet croft input { type filter hook input priority filter; policy accept; }\n"
    "add chain inet croft postrouting { type nat hook postrouting priority srcnat; policy accept; "
    "}\n"
    "flush chain inet croft guest\n"
    "flush chain inet croft prerouting\n"
    "flush chain inet croft input\n"
    "flush chain inet croft postrouting\n"
    // What a guest sends must come from one of its addresses; neighbour discovery excepted.
    // Loopback, unspecified, multicast and the node's own addresses have no route to the guest
    // either.
    "add rule inet croft prerouting iifname \"crv*\" jump guest\n"
    "add rule inet croft guest ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 icmpv6 type "
    "{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } return\n"
    "add rule inet croft guest fib saddr . iif oif missing drop\n"
    // The node itself answers guests only ping, neighbour discovery and what it asked for.
    "add rule inet croft input iifname \"crv*\" ct state established,related accept\n"
    "add rule inet croft input iifname \"crv*\" icmp type echo-request limit rate 100/second "
    "accept\n"
    "add rule inet croft input iifname \"crv*\" icmpv6 type echo-request limit rate 100/second "
    "accept\n"
    "add rule inet croft input iifname \"crv*\" icmpv6 type "
    "{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept\n"
    "add rule inet croft input iifname \"crv*\" drop\n"
    // Private addresses leave the node as the node's own.
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip saddr "
    "{ 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16 } masquerade\n"
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip6 saddr fc00::/7 "
    "masquerade\n";

static int load_ruleset(const struct agent_config *config, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("ruleset", MFD_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *commands = open_memstream(&text, &len);
    if (fd < 0 || !commands) {
        return err_errno(err, errno, "writing the nftables commands");
    }
    fputs(ruleset, commands);
    rates_write_all(config, commands);
    if (fclose(commands) != 0 || write(fd, text, len) != (ssize_t)len ||
        lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, errno, "writing the nftables commands");
    }
    return helper_run("nft", NULL, fd, err);
}

static int routed_open(const struct agent_config *config, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(sysctls); i++) {
        int r = sysfile_write(sysctls[i].path, sysctls[i].value, err);
        if (r < 0 && r != ERR_NOT_FOUND) {
            return r;
        }
    }
    // The kernel answers ARP for the gateway by proxy only while it has a route to it, a default
    // route for example; as an address of its own it always answers.
    int r = netdev_add_loopback_ipv4("169.254.0.1", err);
    if (r == 0) {
        r = load_ruleset(config, err);
    }
    return r < 0 ? err_wrap(err, "preparing the network") : 0;
}

static int routed_prepare(const struct agent_config *config, const struct vps_spec *spec,
                          struct err *err)
{
    // The filters of routed_open() hold for every crv* device from its first packet.
    return rates_set(config, spec, plan_limits_net_bps(spec), err);
}

static int set_proxy_delay(const char *device, const char *family, struct err *err)
{
    char path[128];
    uint64_t delay;
    snprintf(path, sizeof(path), "/proc/sys/net/%s/neigh/%s/proxy_delay", family, device);
    int r = sysfile_read_u64(path, &delay, err);
    return r < 0 || delay == 0 ? r : sysfile_write(path, "0", err);
}

static int routed_attach(const struct agent_config *config, const struct vps_spec *spec,
                         struct err *err)
{
    char device[16];
    snprintf(device, sizeof(device), "crv%u", spec->slot);
    int r = set_proxy_delay(device, "ipv4", err);
    if (r == 0) {
        r = set_proxy_delay(device, "ipv6", err);
    }
    return r < 0 ? err_wrap(err, "device of vps %s", spec->vps) : 0;
}

static int routed_readdress(const struct agent_config *config, const struct vps_spec *spec,
                            pid_t init, struct err *err)
{
    char device[16];
    snprintf(device, sizeof(device), "crv%u", spec->slot);
    int r = address_sync(spec, device, init, err);
    return r < 0 ? err_wrap(err, "addresses of vps %s", spec->vps) : 0;
}

static int routed_remove(const struct agent_config *config, const struct vps_spec *spec,
                         struct err *err)
{
    char device[16];
    snprintf(device, sizeof(device), "crv%u", spec->slot);
    int r = netdev_delete(device, err);
    return r < 0 ? r : rates_set(config, spec, 0, err);
}

// What the host receives on its side is what the guest sent.
static int routed_sample(const struct agent_config *config, const struct vps_spec *spec,
                         struct usage_counters *counters, struct err *err)
{
    char device[16];
    struct netdev_counters link;
    snprintf(device, sizeof(device), "crv%u", spec->slot);
    int r = netdev_sample(device, &link, err);
    if (r < 0) {
        return r;
    }
    counters->net_rx_bytes = link.tx_bytes;
    counters->net_tx_bytes = link.rx_bytes;
    counters->net_rx_packets = link.tx_packets;
    counters->net_tx_packets = link.rx_packets;
    return 0;
}

const struct network_driver network_routed = {
    .name = "routed",
    .open = routed_open,
    .prepare = routed_prepare,
    .attach = routed_attach,
    .readdress = routed_readdress,
    .remove = routed_remove,
    .sample = routed_sample,
};
