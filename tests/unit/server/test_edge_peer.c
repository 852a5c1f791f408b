#include "edge_peer.h"

#include "macro.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>

static struct edge_peer peer_of(int family, const char *text)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct edge_peer peer;
    if (family == AF_INET) {
        inet_pton(AF_INET, text, &v4.sin_addr);
        edge_peer_read((struct sockaddr *)&v4, &peer);
    } else {
        inet_pton(AF_INET6, text, &v6.sin6_addr);
        edge_peer_read((struct sockaddr *)&v6, &peer);
    }
    return peer;
}

START_TEST(test_limits_count_by_what_one_customer_has)
{
    static const struct {
        int family;
        const char *from, *address, *network;
    } cases[] = {
        {AF_INET, "192.0.2.7", "192.0.2.7", "192.0.2.7"},
        {AF_INET6, "2001:db8:1:2:aaaa::1", "2001:db8:1:2:aaaa::1", "2001:db8:1:2::"},
        {AF_INET6, "2001:db8:1:2:bbbb::9", "2001:db8:1:2:bbbb::9", "2001:db8:1:2::"},
        {AF_INET6, "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"},
        {AF_INET6, "::1", "::1", "::"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct edge_peer peer = peer_of(cases[i].family, cases[i].from);
        ck_assert_str_eq(peer.address, cases[i].address);
        ck_assert_str_eq(peer.network, cases[i].network);
    }
    struct edge_peer nobody;
    edge_peer_read(&(struct sockaddr){.sa_family = AF_UNSPEC}, &nobody);
    ck_assert_str_eq(nobody.network, "");
}
END_TEST

START_TEST(test_counts_each_network)
{
    enum { MANY = 10000 };
    struct edge_peers *peers = edge_peers_create();
    struct edge_peer one = peer_of(AF_INET, "192.0.2.1");
    struct edge_peer two = peer_of(AF_INET, "192.0.2.2");
    ck_assert_int_eq(edge_peers_add(peers, &one), 1);
    ck_assert_int_eq(edge_peers_add(peers, &one), 2);
    ck_assert_int_eq(edge_peers_add(peers, &two), 1);
    ck_assert_int_eq(edge_peers_remove(peers, &one), 1);
    ck_assert_int_eq(edge_peers_remove(peers, &one), 0);
    ck_assert_int_eq(edge_peers_add(peers, &one), 1);
    for (int i = 0; i < MANY; i++) {
        struct edge_peer other;
        snprintf(other.network, sizeof(other.network), "10.%d.%d", i / 256, i % 256);
        ck_assert_int_eq(edge_peers_add(peers, &other), 1);
    }
    edge_peers_destroy(peers);
    edge_peers_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_limits_count_by_what_one_customer_has,
                                  test_counts_each_network, NULL};
    return unit_run(unit_suite("edge_peer", tests));
}
