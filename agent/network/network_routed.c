// Routed veth: each guest has /32 and /128 addresses behind a device of its own, crv<slot>; liblxc
// makes the device and its routes. A guest's source address is right when the route back leads to its
// own device: one rule for all guests (filter_base.c). Elements for each would say the same twice, and
// taking one out waits 13 ms for the kernel, one after another.
#include "address.h"
#include "config.h"
#include "conntrack.h"
#include "device.h"
#include "drivers.h"
#include "filter.h"
#include "netdev.h"
#include "sysfile.h"
#include "traffic.h"

#include <net/if.h>
#include <string.h>

static const struct {
    const char *path, *value;
} sysctls[] = {
    {"/proc/sys/net/ipv4/ip_forward", "1"},
    {"/proc/sys/net/ipv4/conf/all/forwarding", "1"},
    {"/proc/sys/net/ipv6/conf/all/forwarding", "1"},
    // Else a guest's first packet waits up to a second for the gateway's answer. The default holds
    // for devices made later, also for the one a guest gets when it reboots itself. Network
    // namespaces but the first have no defaults to set: attach() does each device there.
    {"/proc/sys/net/ipv4/neigh/default/proxy_delay", "0"},
};

// The kernel's table of neighbours is one for all devices, and holds 1,024 of a family by default: more than a node of small
// guests needs, and less than a few hostile ones can claim within the five seconds that a claim is kept for (docs/decisions/0032).
static const struct {
    const char *name;
    uint64_t least;
} neighbour_bounds[] = {{"gc_thresh3", 32768}, {"gc_thresh2", 16384}, {"gc_thresh1", 1024}};

// Only ever up. Other network namespaces than the first have no such bounds, but share the first one's.
static int raise_bounds(const char *family, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(neighbour_bounds); i++) {
        char path[128], value[32];
        uint64_t now;
        snprintf(path, sizeof(path), "/proc/sys/net/%s/neigh/default/%s", family,
                 neighbour_bounds[i].name);
        snprintf(value, sizeof(value), "%llu", (unsigned long long)neighbour_bounds[i].least);
        r = sysfile_read_u64(path, &now, err);
        if (r == 0 && now < neighbour_bounds[i].least) {
            r = sysfile_write(path, value, err);
        }
    }
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int routed_open(const struct agent_config *config, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(sysctls); i++) {
        int r = sysfile_write(sysctls[i].path, sysctls[i].value, err);
        if (r < 0 && r != ERR_NOT_FOUND) {
            return r;
        }
    }
    int r = raise_bounds("ipv4", err);
    if (r == 0) {
        r = raise_bounds("ipv6", err);
    }
    // The kernel answers ARP for the gateway by proxy only while it has a route to it, a default
    // route for example; as an address of its own it always answers.
    if (r == 0) {
        r = netdev_add_loopback_ipv4("169.254.0.1", err);
    }
    if (r == 0) {
        r = filter_open(config, err);
    }
    if (r == 0) {
        r = traffic_sweep(err);
    }
    return r < 0 ? err_wrap(err, "preparing the network") : 0;
}

static int routed_prepare(const struct agent_config *config, const struct vps_spec *spec,
                          struct err *err)
{
    // The rules of routed_open() hold for every crv* device from its first packet.
    return filter_set(config, spec, err);
}

static int set_proxy_delay(const char *device, struct err *err)
{
    char path[128];
    uint64_t delay;
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/neigh/%s/proxy_delay", device);
    int r = sysfile_read_u64(path, &delay, err);
    if (r == 0 && delay != 0) {
        r = sysfile_write(path, "0", err);
    }
    return r == ERR_NOT_FOUND ? 0
                              : r; // its guest has deleted it: it comes back with the next start
}

static int routed_attach(const struct agent_config *config, const struct vps_spec *spec,
                         struct err *err)
{
    const struct device_place place = {config->state_dir, spec->vps, spec->slot};
    char device[DEVICE_NAME_SIZE];
    device_name(spec->slot, device);
    device_note(&place);
    int r = set_proxy_delay(device, err);
    if (r == 0) {
        r = address_open_gateway6(spec, device, err);
    }
    return r < 0 ? err_wrap(err, "device of vps %s", spec->vps) : 0;
}

static int routed_readdress(const struct agent_config *config, const struct vps_spec *spec,
                            pid_t init, struct err *err)
{
    char device[DEVICE_NAME_SIZE];
    device_name(spec->slot, device);
    int r = address_sync(spec, device, init, err);
    return r < 0 ? err_wrap(err, "addresses of vps %s", spec->vps) : 0;
}

static int routed_remove(const struct agent_config *config, const struct vps_spec *spec,
                         struct err *err)
{
    char device[DEVICE_NAME_SIZE];
    device_name(spec->slot, device);
    int r = netdev_delete(device, err);
    return r < 0 ? r : filter_remove(config, spec, err);
}

static int routed_sample(const struct agent_config *config, const struct vps_spec *spec,
                         struct usage_counters *counters, struct err *err)
{
    const struct device_place place = {config->state_dir, spec->vps, spec->slot};
    return device_sample(&place, counters, err);
}

static int routed_limits_met(const struct agent_config *config, const struct vps_spec *spec,
                             struct limits_met *met, struct err *err)
{
    char device[16];
    struct traffic_refused refused;
    snprintf(device, sizeof(device), "crv%u", spec->slot);
    int r = traffic_sample_refused(if_nametoindex(device), &refused, err);
    if (r == 0) {
        met->connections_in = (struct limit_hits){true, refused.in};
        met->connections_out = (struct limit_hits){true, refused.out};
    }
    return r;
}

const struct network_driver network_routed = {
    .name = "routed",
    .open = routed_open,
    .prepare = routed_prepare,
    .attach = routed_attach,
    .readdress = routed_readdress,
    .remove = routed_remove,
    .sample = routed_sample,
    .limits_met = routed_limits_met,
    .count_connections = conntrack_count,
};
