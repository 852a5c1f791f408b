#include "cidr.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cidr {
    int family;
    unsigned prefix;
    uint8_t bytes[16];
};

static int parse(const char *text, struct cidr *cidr)
{
    char address[INET6_ADDRSTRLEN], canonical[CIDR_TEXT_MAX + INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : 0;
    if (len == 0 || len >= sizeof(address)) {
        return 0;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    *cidr = (struct cidr){.family = strchr(address, ':') ? 6 : 4};
    int af = cidr->family == 4 ? AF_INET : AF_INET6;
    char *end;
    cidr->prefix = (unsigned)strtoul(slash + 1, &end, 10);
    if (inet_pton(af, address, cidr->bytes) != 1 || *end ||
        cidr->prefix > (cidr->family == 4 ? 32U : 128U) ||
        !inet_ntop(af, cidr->bytes, address, sizeof(address))) {
        return 0;
    }
    snprintf(canonical, sizeof(canonical), "%s/%u", address, cidr->prefix);
    return strcmp(canonical, text) == 0 ? cidr->family : 0;
}

// The bits of byte i that lie within the prefix.
static uint8_t mask_of(unsigned prefix, unsigned i)
{
    unsigned bits = prefix > i * 8 ? prefix - i * 8 : 0;
    return bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
}

int cidr_family(const char *text)
{
    struct cidr cidr;
    if (parse(text, &cidr) == 0) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof(cidr.bytes); i++) {
        if (cidr.bytes[i] & ~mask_of(cidr.prefix, i)) {
            return 0;
        }
    }
    return cidr.family;
}

bool cidr_holds(const char *network, const char *address)
{
    struct cidr cidr;
    uint8_t bytes[16] = {0};
    if (parse(network, &cidr) == 0 ||
        inet_pton(cidr.family == 4 ? AF_INET : AF_INET6, address, bytes) != 1) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if ((bytes[i] ^ cidr.bytes[i]) & mask_of(cidr.prefix, i)) {
            return false;
        }
    }
    return true;
}
