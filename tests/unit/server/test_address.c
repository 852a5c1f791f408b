#include "address.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const char *reserved(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return address_reserved((struct sockaddr *)&v4);
    }
    ck_assert_int_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_reserved((struct sockaddr *)&v6);
}

// First and last of each range of the registries, by the RFC that made it.
START_TEST(what_is_reserved_is_not_public)
{
    static const char *const addresses[] = {
        "0.0.0.0",
        "0.255.255.255", // RFC 791
        "10.0.0.0",
        "10.255.255.255", // RFC 1918
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.127.255.255", // RFC 6598
        "127.0.0.1",
        "127.255.255.255", // RFC 1122
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255", // RFC 3927, metadata
        "192.0.0.0",
        "192.0.0.255", // RFC 6890
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.255", // RFC 5737
        "192.88.99.1", // RFC 7526
        "198.18.0.0",
        "198.19.255.255", // RFC 2544
        "224.0.0.1",
        "239.255.255.255", // RFC 5771
        "240.0.0.0",
        "255.255.255.255", // RFC 1112
        "::",
        "::1", // RFC 4291
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1", // RFC 4291
        "64:ff9b::a00:1",
        "64:ff9b::808:808", // RFC 6052
        "64:ff9b:1::1", // RFC 8215
        "100::1", // RFC 6666
        "2001::1",
        "2001:1ff::1", // RFC 2928, RFC 4380
        "2001:db8::1", // RFC 3849
        "2002:a00:1::1",
        "2002:808:808::1", // RFC 3056
        "2620:4f:8000::1", // RFC 7534
        "3fff::1",
        "3fff:fff::1", // RFC 9637
        "5f00::1", // RFC 9602
        "fc00::1",
        "fdff:ffff::1", // RFC 4193
        "fe80::1",
        "febf::1", // RFC 4291
        "fec0::1", // RFC 3879
        "ff02::1",
        "ffff::1", // RFC 4291
        "4000::1",
        "1fff::1", // not given out
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        ck_assert_msg(reserved(addresses[i]), "%s counts as public", addresses[i]);
    }
}
END_TEST

START_TEST(what_lies_beside_is_public)
{
    static const char *const addresses[] = {
        "1.0.0.0",       "9.255.255.255",   "11.0.0.0",    "100.63.255.255", "100.128.0.0",
        "126.255.255.1", "128.0.0.1",       "169.253.1.1", "169.255.0.1",    "172.15.255.255",
        "172.32.0.0",    "192.0.1.1",       "192.167.1.1", "192.169.0.1",    "198.17.255.255",
        "198.20.0.0",    "223.255.255.254", "8.8.8.8",     "2001:200::1",    "2001:4860:4860::8888",
        "2003::1",       "2a00:1450::1",    "2600::1",     "3ffd::1",
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        const char *what = reserved(addresses[i]);
        ck_assert_msg(!what, "%s counts as %s", addresses[i], what);
    }
}
END_TEST

START_TEST(what_is_no_internet_address_is_not_public)
{
    struct sockaddr other = {.sa_family = AF_UNIX};
    ck_assert_ptr_nonnull(address_reserved(&other));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_reserved_is_not_public, what_lies_beside_is_public,
                                  what_is_no_internet_address_is_not_public, NULL};
    return unit_run(unit_suite("address", tests));
}
