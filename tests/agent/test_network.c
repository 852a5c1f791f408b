// The network of real guests: what they may reach, what reaches them, and what holds when they take their own device
// apart.
#include "firewall.h"
#include "json.h"
#include "rig.h"
#include "sampler.h"
#include "test_drivers.h"

#include <string.h>

static struct vps_spec one, two;

static void create(void)
{
    // Others each time: what the kernel remembers of connections outlives a guest.
    unsigned n = 10 + (unsigned)getpid() % 120 * 2;
    rig_config.network.connections = 8192;
    rig_config.network.deny = (struct field_strings){0};
    CALL(0, network_routed.open(&rig_config, err));
    rig_spec(&one, n);
    rig_spec(&two, n + 1);
    rig_create(&one);
    rig_create(&two);
}

static void destroy(void)
{
    rig_destroy(&one);
    rig_destroy(&two);
    spec_finish(&one);
    spec_finish(&two);
}

// Of guest from to the first or second address of guest to, as soon as both have them (IPv6 waits a second or two).
static bool pings(const struct vps_spec *from, const struct vps_spec *to, int which)
{
    char command[128];
    snprintf(command, sizeof(command), "ping -c 1 -W 1 %s", to->addresses[which].text);
    return rig_exec(from, command, NULL, 0) == 0;
}

static bool reaches(const struct vps_spec *from, const struct vps_spec *to, int which)
{
    for (int i = 0; i < 60; i++) {
        if (pings(from, to, which)) {
            return true;
        }
        usleep(500000); // until it has an address a ping fails at once
    }
    return false;
}

// A listener of guest two's that answers once.
static void listen_once(int port)
{
    char command[128];
    snprintf(command, sizeof(command),
             "(echo hi | timeout 4 busybox nc -l -p %d >/dev/null 2>&1 &) ; sleep 0.2", port);
    rig_exec(&two, command, NULL, 0);
}

static bool is_answered(const char *address, int port)
{
    char command[128], out[64] = "";
    snprintf(command, sizeof(command), "timeout 3 busybox nc %s %d </dev/null | cat", address,
             port);
    rig_exec(&one, command, out, sizeof(out));
    return strcmp(out, "hi\n") == 0;
}

static bool connects(int port)
{
    listen_once(port);
    return is_answered(two.addresses[0].text, port);
}

// On a machine that is busy a listener may take longer than it is waited for.
static bool is_soon_answered(const char *address, int node_port, int port)
{
    for (int i = 0; i < 8; i++) {
        listen_once(port);
        if (is_answered(address, node_port)) {
            return true;
        }
    }
    return false;
}

static void set_firewall(struct vps_spec *spec, const char *text)
{
    json_t *value = NULL;
    CALL(0, json_read(text, strlen(text), JSON_DEPTH_MAX, &value, err));
    firewall_free(spec->firewall);
    CALL(0, firewall_decode(value, &spec->firewall, err));
    json_decref(value);
    CALL(0, network_routed.prepare(&rig_config, spec, err));
}

static pid_t init_of(const struct vps_spec *spec)
{
    pid_t init = 0;
    CALL(0, container_lxc.init_pid(&rig_config, spec->vps, &init, err));
    ck_assert_int_gt(init, 0);
    return init;
}

static int has_route(const char *route)
{
    return rig_host("ip route show dev crv%u | grep -q '^%s '", one.slot, route) == 0;
}

START_TEST(a_guest_that_deletes_its_device_is_still_measured_and_changed)
{
    struct usage_counters before, after;
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &one, &before, err));
    ck_assert_int_eq(rig_exec(&one,
                              "ip link del eth0; i=0; while [ $i -lt 100000 ]; do "
                              "i=$((i+1)); done",
                              NULL, 0),
                     0);
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &one, &after, err));
    ck_assert_uint_gt(after.cpu_ns, before.cpu_ns);
    ck_assert_uint_eq(after.net_tx_bytes, 0);
    CALL(0, network_routed.attach(&rig_config, &one, err));
    CALL(0, network_routed.readdress(&rig_config, &one, init_of(&one), err));
    CALL(0, container_lxc.stop(&rig_config, one.vps, 5, err));
    ck_assert_int_eq(rig_start(&one), 0);
    ck_assert(reaches(&one, &two, 0));
}
END_TEST

START_TEST(a_guest_that_renames_its_device_loses_and_gets_addresses)
{
    ck_assert_int_eq(
        rig_exec(&one, "ip link set eth0 down && ip link set eth0 name own0 && ip link set own0 up",
                 NULL, 0),
        0);
    struct vps_address before = one.addresses[0];
    ck_assert(has_route(before.text));
    snprintf(one.addresses[0].text, sizeof(one.addresses[0].text), "10.83.77.9");
    CALL(0, network_routed.readdress(&rig_config, &one, init_of(&one), err));
    ck_assert(has_route("10.83.77.9"));
    ck_assert(!has_route(before.text));
}
END_TEST

// The kernel then forgets the addresses of this end, and what the host was to answer for beside its own addresses.
START_TEST(a_guest_that_takes_its_device_down_and_up_still_has_its_gateways)
{
    char command[512];
    snprintf(command, sizeof(command),
             "ip link set eth0 down && ip link set eth0 up && ip route add default via 169.254.0.1 "
             "dev eth0 onlink && "
             "ip addr add %s/128 dev eth0 && ip -6 route add default via fe80::1 dev eth0",
             one.addresses[1].text);
    ck_assert(reaches(&one, &two, 1));
    ck_assert_int_eq(rig_exec(&one, command, NULL, 0), 0);
    ck_assert(reaches(&one, &two, 1));
    ck_assert(reaches(&one, &two, 0));
}
END_TEST

START_TEST(an_address_is_exchanged_on_both_ends)
{
    char out[1024];
    struct vps_address before = one.addresses[0];
    ck_assert(has_route(before.text));
    snprintf(one.addresses[0].text, sizeof(one.addresses[0].text), "10.83.77.9");
    CALL(0, network_routed.readdress(&rig_config, &one, init_of(&one), err));
    ck_assert_int_eq(rig_exec(&one, "ip addr show eth0", out, sizeof(out)), 0);
    ck_assert_ptr_nonnull(strstr(out, "10.83.77.9"));
    ck_assert_ptr_null(strstr(out, before.text));
    ck_assert(reaches(&one, &two, 0));
}
END_TEST

START_TEST(no_guest_reaches_what_is_denied)
{
    char four[64], six[64];
    const char *denied[] = {four, six};
    snprintf(four, sizeof(four), "%s/32", two.addresses[0].text);
    snprintf(six, sizeof(six), "%s/128", two.addresses[1].text);
    ck_assert(reaches(&one, &two, 0));
    ck_assert(reaches(&one, &two, 1));
    rig_config.network.deny = (struct field_strings){denied, 2};
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(!pings(&one, &two, 0));
    ck_assert(!pings(&one, &two, 1));
    ck_assert_int_eq(rig_host("nft list set inet croft deny4 | grep -q 169.254.0.0/16"), 0);
}
END_TEST

static int has_rate(const char *way)
{
    return rig_host("nft list map inet croft rate_%s | grep -q '\"crv%u\"'", way, one.slot) == 0;
}

static bool is_limited_to(int bytes)
{
    return rig_host("nft list limit inet croft up%u | grep -q 'over %d bytes/second'", one.slot,
                    bytes) == 0;
}

START_TEST(a_rate_does_not_outlive_its_guest)
{
    one.rates.net_bps = 1000000;
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    ck_assert(has_rate("up") && has_rate("down"));
    CALL(0, network_routed.remove(&rig_config, &one, err));
    ck_assert(!has_rate("up") && !has_rate("down"));
    // Also when the record of it was lost: with the next order of that slot, or within a minute.
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    rig_host("rm %s/vps/%s/filter", rig_config.state_dir, one.vps);
    one.rates.net_bps = 8000000;
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    ck_assert(is_limited_to(1000000));
    rig_host("rm %s/vps/%s/filter", rig_config.state_dir, one.vps);
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(!has_rate("up") && !has_rate("down"));
}
END_TEST

START_TEST(a_change_that_died_half_way_is_made_whole)
{
    one.rates.net_bps = 1000000;
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    // On disk, not yet in the kernel: as a worker that was killed leaves it.
    rig_host("sed -i 's/125000 bytes/250000 bytes/' %s/vps/%s/filter", rig_config.state_dir,
             one.vps);
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_limited_to(250000));
}
END_TEST

START_TEST(the_firewall_decides_what_comes_in)
{
    ck_assert(is_soon_answered(two.addresses[0].text, 22, 22));
    set_firewall(&two, "{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":["
                       "{\"direction\":\"in\",\"action\":\"accept\",\"protocol\":\"tcp\","
                       "\"ports\":[\"22\",\"8000-8010\"],\"cidrs\":[\"10.83.7.0/24\"]},"
                       "{\"direction\":\"in\",\"action\":\"accept\",\"protocol\":\"icmpv6\"}]}");
    ck_assert(is_soon_answered(two.addresses[0].text, 22, 22));
    ck_assert(is_soon_answered(two.addresses[0].text, 8010, 8010));
    ck_assert(!connects(23));
    ck_assert(!pings(&one, &two, 0));
    ck_assert(reaches(&one, &two, 1));
    // What it asked for itself comes back.
    ck_assert(reaches(&two, &one, 0));
    set_firewall(&two, "{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":["
                       "{\"direction\":\"in\",\"action\":\"accept\",\"protocol\":\"any\","
                       "\"cidrs\":[]}]}"); // of nobody, not of anybody
    ck_assert(!connects(22));
    firewall_free(two.firewall);
    two.firewall = NULL;
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    ck_assert(is_soon_answered(two.addresses[0].text, 22, 22));
    ck_assert_int_ne(rig_host("nft list chain inet croft in%u >/dev/null 2>&1", two.slot), 0);
}
END_TEST

START_TEST(the_firewall_decides_what_goes_out)
{
    set_firewall(&one, "{\"policy_in\":\"accept\",\"policy_out\":\"drop\",\"rules\":["
                       "{\"direction\":\"out\",\"action\":\"drop\",\"protocol\":\"tcp\","
                       "\"ports\":[\"23\"]},"
                       "{\"direction\":\"out\",\"action\":\"accept\",\"protocol\":\"tcp\","
                       "\"cidrs\":[\"10.83.7.0/24\",\"fd83::/16\"]}]}");
    ck_assert(is_soon_answered(two.addresses[0].text, 22, 22));
    ck_assert(!connects(23)); // the first rule that matches decides
    ck_assert(!pings(&one, &two, 0));
    ck_assert(reaches(&two, &one, 0)); // an answer
    // Deleted by somebody, and back as it was with the next look.
    rig_host("nft delete table inet croft");
    ck_assert(reaches(&one, &two, 0));
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(!pings(&one, &two, 0));
    ck_assert(is_soon_answered(two.addresses[0].text, 22, 22));
}
END_TEST

START_TEST(what_stands_in_the_way_goes_with_the_table)
{
    rig_host("nft delete table inet croft; nft 'table inet croft { set private4 { type "
             "ether_addr; }; }'");
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert_int_eq(rig_host("nft list set inet croft private4 | grep -q ipv4_addr"), 0);
}
END_TEST

static void make_private(struct vps_spec *spec, enum address_kind kind)
{
    spec->addresses[0].kind = kind;
    spec->addresses[1].kind = kind;
    snprintf(spec->addresses[0].network, sizeof(spec->addresses[0].network), "10.83.7.0/24");
    snprintf(spec->addresses[1].network, sizeof(spec->addresses[1].network), "fd83::7:0/112");
    CALL(0, network_routed.prepare(&rig_config, spec, err));
}

START_TEST(private_addresses_are_reached_by_what_is_forwarded_only)
{
    make_private(&two, ADDRESS_PRIVATE);
    ck_assert(!pings(&one, &two, 0));
    ck_assert(!pings(&one, &two, 1));
    ck_assert(!connects(22));
    rig_host("ip addr add 10.83.200.1/32 dev lo");
    two.forward_count = 1;
    two.forwards[0] = (struct vps_forward){.host_port = 20022, .port = 22};
    snprintf(two.forwards[0].address, 46, "%s", two.addresses[0].text);
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    ck_assert(is_soon_answered("10.83.200.1", 20022, 22));
    two.forward_count = 0;
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    ck_assert_int_ne(rig_host("nft list map inet croft forwards | grep -q 20022"), 0);
}
END_TEST

START_TEST(a_private_network_holds_its_members_and_nobody_else)
{
    make_private(&two, ADDRESS_NETWORK);
    ck_assert(!pings(&one, &two, 0));
    ck_assert(!pings(&one, &two, 1));
    make_private(&one, ADDRESS_NETWORK);
    ck_assert(reaches(&one, &two, 0));
    ck_assert(reaches(&one, &two, 1));
    // Two networks: each holds its own member.
    for (int i = 0; i < 2; i++) {
        snprintf(one.addresses[i].network, sizeof(one.addresses[i].network), "%s/%d",
                 one.addresses[i].text, i == 0 ? 32 : 128);
        snprintf(two.addresses[i].network, sizeof(two.addresses[i].network), "%s/%d",
                 two.addresses[i].text, i == 0 ? 32 : 128);
    }
    rig_host("nft flush set inet croft networks4; nft flush set inet croft networks6");
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    ck_assert(!pings(&one, &two, 0));
    ck_assert(!pings(&one, &two, 1));
}
END_TEST

// Packets to the address that left by the device up0.
static int count_left(const char *address)
{
    char path[64];
    FILE *out;
    int count = -1;
    rig_host(
        "nft list table ip seen | sed -n 's/.*daddr %s .*packets \\([0-9]*\\) .*/\\1/p' > %s/seen",
        address, rig_config.state_dir);
    snprintf(path, sizeof(path), "%s/seen", rig_config.state_dir);
    out = fopen(path, "re");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(fscanf(out, "%d", &count), 1);
    fclose(out);
    return count;
}

START_TEST(what_is_for_nobody_of_a_private_network_does_not_leave_the_node)
{
    ck_assert_int_eq(
        rig_host("ip link add up0 type veth peer name up1 && ip link set up0 arp off up && ip link "
                 "set up1 up && ip route add 10.83.7.250 dev "
                 "up0 && "
                 "nft 'table ip seen { chain out { type filter hook postrouting priority 300; "
                 "oifname up0 ip daddr 10.83.7.250 counter; }; }'"),
        0);
    rig_exec(&one, "ping -c 1 -W 1 10.83.7.250", NULL, 0);
    ck_assert_int_eq(count_left("10.83.7.250"), 1);
    make_private(&one, ADDRESS_NETWORK);
    make_private(&two, ADDRESS_NETWORK);
    ck_assert(reaches(&one, &two, 0));
    rig_exec(&one, "ping -c 1 -W 1 10.83.7.250", NULL, 0);
    ck_assert_int_eq(count_left("10.83.7.250"), 1);
    rig_host("ip link del up0; nft delete table ip seen");
}
END_TEST

START_TEST(an_address_that_leads_to_another_device_is_not_given)
{
    struct err failure = {0};
    struct vps_address own = one.addresses[0];
    ck_assert_int_eq(rig_host("ip link add up0 type veth peer name up1 && ip link set up0 arp off "
                              "up && ip link set up1 up && ip route add 10.83.77.9 dev up0"),
                     0);
    snprintf(one.addresses[0].text, sizeof(one.addresses[0].text), "10.83.77.9");
    ck_assert_int_lt(network_routed.readdress(&rig_config, &one, init_of(&one), &failure), 0);
    ck_assert_ptr_nonnull(strstr(failure.text, "10.83.77.9"));
    ck_assert(!has_route("10.83.77.9"));
    ck_assert_int_eq(rig_host("ip route show dev up0 | grep -q '^10.83.77.9 '"), 0);
    // Nor is it with a start.
    CALL(0, container_lxc.stop(&rig_config, one.vps, 5, err));
    ck_assert_int_eq(rig_host("ip route add %s dev up0", own.text), 0);
    ck_assert_int_ne(rig_start(&one), 0);
    rig_host("ip link del up0");
    ck_assert_int_eq(rig_start(&one), 0);
    ck_assert(has_route(own.text));
}
END_TEST

Suite *suite_network(void)
{
    Suite *suite = suite_create("network");
    TCase *tcase = tcase_create("routed");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_guest_that_deletes_its_device_is_still_measured_and_changed);
    tcase_add_test(tcase, a_guest_that_renames_its_device_loses_and_gets_addresses);
    tcase_add_test(tcase, a_guest_that_takes_its_device_down_and_up_still_has_its_gateways);
    tcase_add_test(tcase, an_address_is_exchanged_on_both_ends);
    tcase_add_test(tcase, no_guest_reaches_what_is_denied);
    tcase_add_test(tcase, a_rate_does_not_outlive_its_guest);
    tcase_add_test(tcase, a_change_that_died_half_way_is_made_whole);
    tcase_add_test(tcase, the_firewall_decides_what_comes_in);
    tcase_add_test(tcase, the_firewall_decides_what_goes_out);
    tcase_add_test(tcase, what_stands_in_the_way_goes_with_the_table);
    tcase_add_test(tcase, private_addresses_are_reached_by_what_is_forwarded_only);
    tcase_add_test(tcase, a_private_network_holds_its_members_and_nobody_else);
    tcase_add_test(tcase, what_is_for_nobody_of_a_private_network_does_not_leave_the_node);
    tcase_add_test(tcase, an_address_that_leads_to_another_device_is_not_given);
    suite_add_tcase(suite, tcase);
    return suite;
}
