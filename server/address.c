#include "address.h"

#include "macro.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct range4 {
    uint32_t first;
    int bits;
    const char *what;
};

#define IP(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

// IANA's IPv4 Special-Purpose Address Registry (RFC 6890), with what lies beside it; all of them, whether
// globally reachable or not, since none is anybody's web server.
static const struct range4 ranges4[] = {
    {IP(0, 0, 0, 0), 8, "this network (RFC 791)"},
    {IP(10, 0, 0, 0), 8, "private (RFC 1918)"},
    {IP(100, 64, 0, 0), 10, "shared by carriers (RFC 6598)"},
    {IP(127, 0, 0, 0), 8, "loopback (RFC 1122)"},
    {IP(169, 254, 0, 0), 16, "link-local (RFC 3927)"}, // also where clouds serve metadata
    {IP(172, 16, 0, 0), 12, "private (RFC 1918)"},
    {IP(192, 0, 0, 0), 24, "of protocols (RFC 6890)"},
    {IP(192, 0, 2, 0), 24, "documentation (RFC 5737)"},
    {IP(192, 31, 196, 0), 24, "AS112 (RFC 7535)"},
    {IP(192, 52, 193, 0), 24, "AMT (RFC 7450)"},
    {IP(192, 88, 99, 0), 24, "6to4 relay (RFC 7526)"},
    {IP(192, 168, 0, 0), 16, "private (RFC 1918)"},
    {IP(192, 175, 48, 0), 24, "AS112 (RFC 7534)"},
    {IP(198, 18, 0, 0), 15, "benchmarks (RFC 2544)"},
    {IP(198, 51, 100, 0), 24, "documentation (RFC 5737)"},
    {IP(203, 0, 113, 0), 24, "documentation (RFC 5737)"},
    {IP(224, 0, 0, 0), 4, "multicast (RFC 5771)"},
    {IP(240, 0, 0, 0), 4, "reserved (RFC 1112)"}, // with 255.255.255.255
};

struct range6 {
    uint8_t first[16];
    int bits;
    const char *what;
};

// Of IPv6 only 2000::/3 is given out (RFC 4291, RFC 3513); these lie inside of it. Others carry an IPv4
// address that somebody on the way would go on to: whatever that is, they are no host of their own.
static const struct range6 ranges6[] = {
    {{0x20, 0x01}, 23, "of protocols (RFC 2928)"}, // with Teredo 2001::/32 (RFC 4380) and ORCHID
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation (RFC 3849)"},
    {{0x20, 0x02}, 16, "6to4 (RFC 3056)"},
    {{0x26, 0x20, 0, 0x4f, 0x80}, 48, "AS112 (RFC 7534)"},
    {{0x3f, 0xfe}, 16, "6bone (RFC 3701)"},
    {{0x3f, 0xff}, 20, "documentation (RFC 9637)"},
};

// What else has a name, so that the refusal can say it.
static const struct range6 outside6[] = {
    {{[15] = 0}, 128, "unspecified (RFC 4291)"},
    {{[15] = 1}, 128, "loopback (RFC 4291)"},
    {{[10] = 0xff, [11] = 0xff}, 96, "IPv4-mapped (RFC 4291)"},
    {{0, 0x64, 0xff, 0x9b}, 96, "NAT64 (RFC 6052)"},
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, "NAT64 (RFC 8215)"},
    {{0x01}, 64, "discard-only (RFC 6666)"},
    {{0x5f}, 16, "segment routing (RFC 9602)"},
    {{0xfc}, 7, "unique local (RFC 4193)"},
    {{0xfe, 0x80}, 10, "link-local (RFC 4291)"},
    {{0xfe, 0xc0}, 10, "site-local (RFC 3879)"},
    {{0xff}, 8, "multicast (RFC 4291)"},
};

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, int bits)
{
    int bytes = bits / 8;
    if (memcmp(address, prefix, (size_t)bytes) != 0) {
        return false;
    }
    int mask = bits % 8 ? 0xff & (0xff << (8 - bits % 8)) : 0;
    return mask == 0 || (address[bytes] & mask) == (prefix[bytes] & mask);
}

static const char *find6(const struct range6 *ranges, size_t count, const uint8_t *address)
{
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(address, ranges[i].first, ranges[i].bits)) {
            return ranges[i].what;
        }
    }
    return NULL;
}

static const char *reserved4(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges4); i++) {
        uint32_t mask = UINT32_MAX << (32 - ranges4[i].bits);
        if ((address & mask) == ranges4[i].first) {
            return ranges4[i].what;
        }
    }
    return NULL;
}

static const char *reserved6(const uint8_t *address)
{
    if ((address[0] & 0xe0) == 0x20) {
        return find6(ranges6, ARRAY_LEN(ranges6), address);
    }
    const char *what = find6(outside6, ARRAY_LEN(outside6), address);
    return what ? what : "not given out (RFC 4291)";
}

const char *address_reserved(const struct sockaddr *address)
{
    switch (address->sa_family) {
    case AF_INET:
        return reserved4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    case AF_INET6:
        return reserved6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
    default:
        return "not of the internet";
    }
}
