// What a vps must be, decoded and validated from a task's `spec`. The one gate of the agent: every
// value that reaches liblxc, btrfs, nftables or a guest's files passed through spec_decode().
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { SPEC_ADDRESSES_MAX = 24, SPEC_FORWARDS_MAX = 64, SPEC_KEYS_MAX = 32, IDS_PER_VPS = 65536 };

// Routed: the world reaches it. Private: it leaves the node as the node's own, and only what is forwarded comes in.
// Network: of a tenant's private network on this node, whose members alone reach each other.
enum address_kind { ADDRESS_ROUTED, ADDRESS_PRIVATE, ADDRESS_NETWORK };

struct vps_address {
    int family; // 4 or 6
    char text[46]; // canonical form, checked by inet_pton
    enum address_kind kind;
    char network[50]; // of kind network: holds the address; canonical form
};

// A port of the node that leads to one of a private address.
struct vps_forward {
    bool udp; // else tcp
    uint16_t host_port, port;
    char address[46];
};

struct firewall;

struct spec_image {
    char sha256[65], signature[129], name[64];
    int64_t size;
};

// Of a tenant that does not pay: its guests are kept off, or slow.
enum suspended { SUSPENDED_NOT, SUSPENDED_STOP, SUSPENDED_THROTTLE };

struct vps_spec {
    char vps[37];
    char hostname[64];
    bool desired_running;
    uint32_t id_base; // first host id; within the node's ranges, never 0
    uint32_t slot; // names the host-side device crv<slot>
    int64_t generation;
    struct {
        int64_t vcpus, memory_bytes, swap_bytes, disk_bytes, pids;
    } limits;
    struct {
        int64_t net_bps, io_bps, iops; // 0: no limit
    } rates;
    struct {
        bool tun, fuse, nesting;
    } features;
    bool frozen; // stands still while it runs
    enum suspended suspended;
    struct vps_address addresses[SPEC_ADDRESSES_MAX];
    size_t address_count;
    struct vps_forward forwards[SPEC_FORWARDS_MAX];
    size_t forward_count;
    struct firewall *firewall; // owned; NULL: everything passes
    char *ssh_keys[SPEC_KEYS_MAX]; // owned; one line each, no control characters
    size_t ssh_key_count;
    struct spec_image image;
    struct spec_image rescue; // what it runs from in rescue mode; sha256 empty: it is not in that
};

struct agent_config;

// vps: checked id of the container. Refuses anything outside the node's id ranges and bounds.
int spec_decode(const struct agent_config *config, const char *vps, int64_t generation,
                json_t *spec, struct vps_spec *ret_spec, struct err *err) _must_check_;
void spec_finish(struct vps_spec *spec);
