// The gate for what a spec says of the guest's network.
#include "cidr.h"
#include "json.h"
#include "spec_private.h"

#include <arpa/inet.h>
#include <string.h>

struct raw_address {
    int64_t family;
    const char *address, *kind, *network;
};

static const struct field address_fields[] = {
    {.name = "family",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_address, family),
     .min = 4,
     .max = 6,
     .flags = FIELD_REQUIRED,
     .help = "4 or 6"},
    {.name = "address",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_address, address),
     .min = 2,
     .max = 45,
     .flags = FIELD_REQUIRED,
     .help = "canonical text"},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_address, kind),
     .min = 1,
     .max = 16,
     .preset = "routed",
     .help = "routed, private (masqueraded) or network (of a private network)"},
    {.name = "network",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_address, network),
     .max = CIDR_TEXT_MAX - 1,
     .flags = FIELD_NULLABLE,
     .help = "of kind network: whose members reach each other"},
    {0},
};

struct raw_forward {
    const char *protocol, *address;
    int64_t host_port, port;
};

static const struct field forward_fields[] = {
    {.name = "protocol",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_forward, protocol),
     .min = 3,
     .max = 3,
     .flags = FIELD_REQUIRED,
     .help = "tcp or udp"},
    {.name = "host_port",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_forward, host_port),
     .min = 1024,
     .max = 65535,
     .flags = FIELD_REQUIRED,
     .help = "of every address of the node"},
    {.name = "address",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_forward, address),
     .min = 7,
     .max = 15,
     .flags = FIELD_REQUIRED,
     .help = "one of the guest's, IPv4 and private"},
    {.name = "port",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_forward, port),
     .min = 1,
     .max = 65535,
     .flags = FIELD_REQUIRED,
     .help = "of the guest"},
    {0},
};

static bool usable_ipv4(const struct in_addr *address)
{
    uint32_t ip = ntohl(address->s_addr);
    return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 16 != 0xa9fe && ip >> 28 < 0xe;
}

static bool usable_ipv6(const struct in6_addr *address)
{
    return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
           !IN6_IS_ADDR_MULTICAST(address) && !IN6_IS_ADDR_LINKLOCAL(address) &&
           !IN6_IS_ADDR_V4MAPPED(address) && !IN6_IS_ADDR_V4COMPAT(address);
}

// True when text is an address of that family that a guest may have, written canonically: it goes
// into configuration and filter text as it is.
static bool usable_address(int family, const char *text)
{
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } address;
    int af = family == 4 ? AF_INET : AF_INET6;
    char canonical[INET6_ADDRSTRLEN];
    if (inet_pton(af, text, &address) != 1 ||
        !inet_ntop(af, &address, canonical, sizeof(canonical)) || strcmp(text, canonical) != 0) {
        return false;
    }
    return family == 4 ? usable_ipv4(&address.v4) : usable_ipv6(&address.v6);
}

static int parse_kind(const struct raw_address *raw, enum address_kind *ret_kind, struct err *err)
{
    if (strcmp(raw->kind, "network") == 0) {
        *ret_kind = ADDRESS_NETWORK;
        bool inside = raw->network && cidr_family(raw->network) == raw->family &&
                      cidr_holds(raw->network, raw->address);
        return inside ? 0 : err_set(err, ERR_INVALID, "not in a network in canonical form");
    }
    bool private = strcmp(raw->kind, "private") == 0;
    *ret_kind = private ? ADDRESS_PRIVATE : ADDRESS_ROUTED;
    return private || strcmp(raw->kind, "routed") == 0
               ? 0
               : err_set(err, ERR_INVALID, "must be routed, private or network");
}

static int add_address(struct vps_spec *spec, size_t index, json_t *value, struct err *err)
{
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/addresses/%zu", index);
    _cleanup_json_ json_t *known = spec_known_fields(address_fields, value);
    struct raw_address raw;
    struct vps_address *address = &spec->addresses[spec->address_count];
    int r = field_decode(address_fields, known, NULL, &raw, err);
    if (r < 0) {
        return err_wrap(err, "%s", pointer);
    }
    if ((raw.family != 4 && raw.family != 6) || !usable_address((int)raw.family, raw.address)) {
        return err_at(err, ERR_INVALID, pointer, "not a usable address in canonical form");
    }
    for (size_t i = 0; i < spec->address_count; i++) {
        if (strcmp(spec->addresses[i].text, raw.address) == 0) {
            return err_at(err, ERR_INVALID, pointer, "the address is there twice");
        }
    }
    r = parse_kind(&raw, &address->kind, err);
    if (r < 0) {
        return err_wrap(err, "%s", pointer);
    }
    address->family = (int)raw.family;
    snprintf(address->text, sizeof(address->text), "%s", raw.address);
    snprintf(address->network, sizeof(address->network), "%s",
             address->kind == ADDRESS_NETWORK ? raw.network : "");
    spec->address_count++;
    return 0;
}

int spec_add_addresses(struct vps_spec *spec, json_t *addresses, struct err *err)
{
    if (!json_is_array(addresses) || json_array_size(addresses) > SPEC_ADDRESSES_MAX) {
        return err_at(err, ERR_INVALID, "/addresses", "must be an array of at most %d",
                      SPEC_ADDRESSES_MAX);
    }
    size_t index;
    json_t *value;
    json_array_foreach (addresses, index, value) {
        int r = add_address(spec, index, value, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool is_private_of(const struct vps_spec *spec, const char *text)
{
    for (size_t i = 0; i < spec->address_count; i++) {
        const struct vps_address *address = &spec->addresses[i];
        if (address->family == 4 && address->kind == ADDRESS_PRIVATE &&
            strcmp(address->text, text) == 0) {
            return true;
        }
    }
    return false;
}

static int add_forward(struct vps_spec *spec, json_t *value, struct err *err)
{
    _cleanup_json_ json_t *known = spec_known_fields(forward_fields, value);
    struct raw_forward raw;
    struct vps_forward *forward = &spec->forwards[spec->forward_count];
    int r = field_decode(forward_fields, known, NULL, &raw, err);
    if (r < 0) {
        return r;
    }
    forward->udp = strcmp(raw.protocol, "udp") == 0;
    if ((!forward->udp && strcmp(raw.protocol, "tcp") != 0) || !is_private_of(spec, raw.address)) {
        return err_set(err, ERR_INVALID, "must be tcp or udp, to a private address of the guest");
    }
    forward->host_port = (uint16_t)raw.host_port;
    forward->port = (uint16_t)raw.port;
    snprintf(forward->address, sizeof(forward->address), "%s", raw.address);
    spec->forward_count++;
    return 0;
}

int spec_add_forwards(struct vps_spec *spec, json_t *forwards, struct err *err)
{
    if (!forwards) {
        return 0;
    }
    if (!json_is_array(forwards) || json_array_size(forwards) > SPEC_FORWARDS_MAX) {
        return err_at(err, ERR_INVALID, "/forwards", "must be an array of at most %d",
                      SPEC_FORWARDS_MAX);
    }
    size_t index;
    json_t *value;
    json_array_foreach (forwards, index, value) {
        int r = add_forward(spec, value, err);
        if (r < 0) {
            return err_wrap(err, "/forwards/%zu", index);
        }
    }
    return 0;
}
