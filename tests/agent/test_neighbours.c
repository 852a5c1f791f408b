// What the node keeps in its own memory for a guest's packets: connections, each way, bounded and counted; neighbours, of
// which a guest that claims a thousand addresses gets hardly any.
#include "conntrack.h"
#include "json.h"
#include "rig.h"
#include "test_drivers.h"
#include "vps_state.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { CLAIMS = 600, KEPT_MAX = 200 };

static struct vps_spec one, two;

// Its record, as a task leaves it.
static void save_state(const struct vps_spec *spec)
{
    json_t *addresses = json_array();
    for (size_t i = 0; i < spec->address_count; i++) {
        json_array_append_new(addresses,
                              json_pack("{s:i, s:s}", "family", spec->addresses[i].family,
                                        "address", spec->addresses[i].text));
    }
    struct vps_state state = {
        .spec = json_pack("{s:I, s:o}", "slot", (json_int_t)spec->slot, "addresses", addresses)};
    snprintf(state.vps, sizeof(state.vps), "%s", spec->vps);
    CALL(0, vps_state_save(&rig_config, &state, err));
    vps_state_finish(&state);
}

static void create(void)
{
    // Others each time: what the kernel remembers of connections outlives a guest.
    unsigned n = 10 + (unsigned)getpid() % 120 * 2;
    rig_config.network.connections = 8192;
    CALL(0, network_routed.open(&rig_config, err));
    rig_spec(&one, n);
    rig_spec(&two, n + 1);
    rig_create(&one);
    rig_create(&two);
    save_state(&one);
    save_state(&two);
}

static void destroy(void)
{
    rig_destroy(&one);
    rig_destroy(&two);
    rig_host("rm -rf %s/vps/%s %s/vps/%s", rig_config.state_dir, one.vps, rig_config.state_dir,
             two.vps);
    spec_finish(&one);
    spec_finish(&two);
}

static bool pings(const struct vps_spec *from, const char *to)
{
    char command[128];
    snprintf(command, sizeof(command), "ping -c 1 -W 1 %s", to);
    return rig_exec(from, command, NULL, 0) == 0;
}

static bool reaches(const struct vps_spec *from, const char *to)
{
    for (int i = 0; i < 60; i++) {
        if (pings(from, to)) {
            return true;
        }
        usleep(500000); // until it has an address a ping fails at once
    }
    return false;
}

// ---- Connections

static uint64_t refused(const struct vps_spec *spec, bool out)
{
    struct limits_met met = {0};
    CALL(0, network_routed.limits_met(&rig_config, spec, &met, err));
    ck_assert(met.connections_in.counted && met.connections_out.counted);
    return out ? met.connections_out.hits : met.connections_in.hits;
}

static int tracked(const struct vps_spec *spec, bool out)
{
    json_t *counts = NULL;
    CALL(0, network_routed.count_connections(&rig_config, &counts, err));
    json_t *pair = json_object_get(counts, spec->vps);
    ck_assert_uint_eq(json_array_size(pair), 2);
    int count = (int)json_integer_value(json_array_get(pair, out));
    json_decref(counts);
    return count;
}

// Each ping is a connection of its own, since the identifier differs, and is remembered for half a minute.
START_TEST(connections_are_bounded_and_counted_each_way)
{
    ck_assert_int_eq(tracked(&one, true), 0);
    rig_config.network.connections = 3;
    CALL(0, network_routed.open(&rig_config, err));
    int passed = 0;
    for (int i = 0; i < 10; i++) {
        passed += pings(&one, two.addresses[0].text);
    }
    ck_assert_msg(passed >= 2 && passed <= 5, "%d of 10", passed);
    ck_assert_int_eq(refused(&one, true), 10 - passed);
    ck_assert_int_eq(tracked(&one, true), passed);
    ck_assert_int_eq(tracked(&two, false), passed);
    ck_assert_int_eq(tracked(&one, false) + tracked(&two, true), 0);
    ck_assert_int_eq(refused(&one, false) + refused(&two, true) + refused(&two, false), 0);
    ck_assert_int_ne(rig_host("ping -c 1 -W 2 %s >/dev/null", two.addresses[0].text), 0);
    ck_assert_uint_ge(refused(&two, false), 1);
    CALL(0, network_routed.open(&rig_config, err)); // the look of each minute forgets nothing
    ck_assert_int_eq(refused(&one, true), 10 - passed);
}
END_TEST

START_TEST(connections_by_ipv6_and_such_as_are_closed)
{
    ck_assert(reaches(&one, two.addresses[1].text));
    int before = tracked(&one, true);
    ck_assert_int_ge(before, 1);
    // Refused by the other end: remembered for ten seconds, and counted by nobody.
    char command[160];
    snprintf(command, sizeof(command),
             "for i in 1 2 3 4 5; do timeout 2 busybox nc %s 9 </dev/null; done; true",
             two.addresses[0].text);
    rig_exec(&one, command, NULL, 0);
    ck_assert_int_le(tracked(&one, true), before);
}
END_TEST

// ---- Neighbours

struct claim {
    int socket;
    struct sockaddr_ll to;
    unsigned char mac[ETH_ALEN];
};

static int open_claim(struct claim *claim, int protocol)
{
    struct ifreq request = {.ifr_name = "eth0"};
    claim->socket = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (claim->socket < 0 || ioctl(claim->socket, SIOCGIFHWADDR, &request) < 0) {
        return 1;
    }
    memcpy(claim->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
    claim->to = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                     .sll_protocol = htons((uint16_t)protocol),
                                     .sll_ifindex = (int)if_nametoindex("eth0"),
                                     .sll_halen = ETH_ALEN,
                                     .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    return 0;
}

static int send_claim(const struct claim *claim, const void *packet, size_t len)
{
    return sendto(claim->socket, packet, len, 0, (const struct sockaddr *)&claim->to,
                  sizeof(claim->to)) != (ssize_t)len;
}

// In the guest: asks for the gateway as the holder of ever another address.
static int claim_ipv4(void *arg)
{
    struct claim claim;
    int r = open_claim(&claim, ETH_P_ARP);
    for (uint32_t i = 0; r == 0 && i < CLAIMS; i++) {
        struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                                           .ar_pro = htons(ETH_P_IP),
                                           .ar_hln = ETH_ALEN,
                                           .ar_pln = sizeof(uint32_t),
                                           .ar_op = htons(ARPOP_REQUEST)}};
        uint32_t from = htonl(0x0a540000 + i), gateway = htonl(0xa9fe0001);
        memcpy(arp.arp_sha, claim.mac, ETH_ALEN);
        memcpy(arp.arp_spa, &from, sizeof(from));
        memcpy(arp.arp_tpa, &gateway, sizeof(gateway));
        r = send_claim(&claim, &arp, sizeof(arp));
    }
    return r;
}

struct solicitation {
    struct ip6_hdr ip;
    struct nd_neighbor_solicit ask;
    struct nd_opt_hdr option;
    unsigned char mac[ETH_ALEN];
} __attribute__((packed));

static uint16_t checksum(const struct solicitation *packet)
{
    uint16_t words[sizeof(*packet) / 2];
    uint32_t sum = IPPROTO_ICMPV6 + sizeof(*packet) - sizeof(packet->ip);
    memcpy(words, packet, sizeof(words));
    for (size_t i = 4; i < sizeof(words) / sizeof(*words); i++) { // from the source address on
        sum += ntohs(words[i]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

// type: of neighbour or router solicitation, which are alike in what is sent here.
static int claim_ipv6(int type)
{
    struct claim claim;
    int r = open_claim(&claim, ETH_P_IPV6);
    for (uint32_t i = 0; r == 0 && i < CLAIMS; i++) {
        struct solicitation packet = {
            .ip.ip6_plen = htons(sizeof(packet) - sizeof(packet.ip)),
            .ip.ip6_nxt = IPPROTO_ICMPV6,
            .ip.ip6_hlim = 255,
            .ask.nd_ns_hdr.icmp6_type = (uint8_t)type,
            .option = {.nd_opt_type = ND_OPT_SOURCE_LINKADDR, .nd_opt_len = 1}};
        packet.ip.ip6_vfc = 6 << 4;
        inet_pton(AF_INET6, "fe80::5:0:0", &packet.ip.ip6_src);
        packet.ip.ip6_src.s6_addr32[3] = htonl(i + 1);
        inet_pton(AF_INET6, "ff02::1:ff00:1", &packet.ip.ip6_dst);
        inet_pton(AF_INET6, "fe80::1", &packet.ask.nd_ns_target);
        memcpy(packet.mac, claim.mac, ETH_ALEN);
        packet.ask.nd_ns_hdr.icmp6_cksum = checksum(&packet);
        r = send_claim(&claim, &packet, sizeof(packet));
    }
    return r;
}

static int claim_by_neighbour_solicitations(void *arg)
{
    return claim_ipv6(ND_NEIGHBOR_SOLICIT);
}

static int claim_by_router_solicitations(void *arg)
{
    return claim_ipv6(ND_ROUTER_SOLICIT);
}

static int kept(int family)
{
    char path[128];
    int count = -1;
    rig_host("ip -%d neigh show dev crv%u nud all | wc -l > %s/kept", family, one.slot,
             rig_config.state_dir);
    snprintf(path, sizeof(path), "%s/kept", rig_config.state_dir);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &count), 1);
    fclose(file);
    return count;
}

START_TEST(a_guest_that_claims_many_addresses_fills_no_table_of_the_nodes)
{
    ck_assert(reaches(&one, two.addresses[0].text));
    ck_assert(reaches(&one, two.addresses[1].text));
    ck_assert_int_eq(rig_call(&one, claim_ipv4, NULL), 0);
    int four = kept(4);
    ck_assert_int_eq(rig_call(&one, claim_by_neighbour_solicitations, NULL), 0);
    ck_assert_int_eq(rig_call(&one, claim_by_router_solicitations, NULL), 0);
    int six = kept(6);
    ck_assert_msg(four > 1 && four < KEPT_MAX, "%d IPv4 neighbours", four);
    ck_assert_msg(six > 1 && six < KEPT_MAX, "%d IPv6 neighbours", six);
    // Others are asked and answered meanwhile, and so is it itself, as soon as it stops.
    ck_assert(reaches(&two, "169.254.0.1"));
    ck_assert(reaches(&one, two.addresses[0].text));
    ck_assert(reaches(&one, two.addresses[1].text));
}
END_TEST

Suite *suite_neighbours(void)
{
    Suite *suite = suite_create("neighbours");
    TCase *tcase = tcase_create("of a guest");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, connections_are_bounded_and_counted_each_way);
    tcase_add_test(tcase, connections_by_ipv6_and_such_as_are_closed);
    tcase_add_test(tcase, a_guest_that_claims_many_addresses_fills_no_table_of_the_nodes);
    suite_add_tcase(suite, tcase);
    return suite;
}
