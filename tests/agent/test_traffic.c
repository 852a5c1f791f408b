// What crosses real guests' devices, counted by class: known bytes to and from a peer that has an address inside the location
// and one outside of it.
#include "json.h"
#include "last.h"
#include "meter.h"
#include "process.h"
#include "rig.h"
#include "sampler.h"
#include "test_drivers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { DATAGRAMS = 2000, PAYLOAD = 1000, HEADERS_4 = 28, HEADERS_6 = 48, PAUSE_EVERY = 20 };

static const char *const inside[] = {"198.51.100.0/24", "2001:db8:1::/48"};
static const char inside_4[] = "198.51.100.7", inside_6[] = "2001:db8:1::7";
static const char outside_4[] = "203.0.113.7", outside_6[] = "2001:db8:2::7";

static struct vps_spec guest;
static pid_t peer; // sleeps in a network namespace of its own

static void make_peer(void)
{
    int made[2];
    char byte;
    ck_assert_int_eq(pipe(made), 0);
    peer = fork();
    if (peer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(unshare(CLONE_NEWNET) < 0 || write(made[1], "", 1) != 1 || pause());
    }
    ck_assert_int_eq(read(made[0], &byte, 1), 1);
    close(made[0]);
    close(made[1]);
    ck_assert_int_eq(
        rig_host("ip link add up0 type veth peer name far0 netns %d && ip link set up0 up && "
                 "ip route add 198.51.100.0/24 dev up0 && ip route add 203.0.113.0/24 dev up0 && "
                 "ip -6 route add 2001:db8::/32 dev up0 && ip addr add 192.0.2.1/32 dev up0 && "
                 "ip -6 addr add fe80::77/64 dev up0 nodad",
                 peer),
        0);
    ck_assert_int_eq(
        rig_host("nsenter --net=/proc/%d/ns/net sh -c 'ip link set lo up; ip link set far0 up; "
                 "for a in %s %s; do ip addr add $a/32 dev far0; done; "
                 "for a in %s %s; do ip -6 addr add $a/128 dev far0 nodad; done; "
                 "ip route add 192.0.2.1 dev far0; ip route add default via 192.0.2.1; "
                 "ip -6 route add default via fe80::77 dev far0'",
                 peer, inside_4, outside_4, inside_6, outside_6),
        0);
}

static void create(void)
{
    rig_config.network.connections = 8192;
    rig_config.network.deny = (struct field_strings){0};
    rig_config.network.inside = (struct field_strings){(const char **)(uintptr_t)inside, 2};
    CALL(0, network_routed.open(&rig_config, err));
    rig_spec(&guest, 10 + (unsigned)getpid() % 240);
    rig_create(&guest);
    make_peer();
}

static void destroy(void)
{
    rig_config.network.inside = (struct field_strings){0};
    kill(peer, SIGKILL);
    waitpid(peer, NULL, 0);
    rig_host("ip link del up0 2>/dev/null");
    rig_destroy(&guest);
    spec_finish(&guest);
}

struct stream {
    const char *from, *to; // from NULL: any
    int count;
};

static socklen_t endpoint(const char *text, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        return sizeof(*four);
    }
    inet_pton(AF_INET6, text, &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    return sizeof(*six);
}

// In whichever network namespace it is called. A refusal of the other end's counts for nothing.
static int send_all(void *arg)
{
    static const char payload[PAYLOAD];
    const struct stream *stream = arg;
    struct sockaddr_storage from, to;
    socklen_t len = endpoint(stream->to, 4000, &to);
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || (stream->from &&
                   bind(fd, (struct sockaddr *)&from, endpoint(stream->from, 0, &from)) < 0)) {
        return 1;
    }
    for (int i = 0; i < stream->count; i++) {
        if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&to, len) < 0 &&
            errno != ECONNREFUSED) {
            return 2;
        }
        if (i % PAUSE_EVERY == 0) {
            usleep(1000);
        }
    }
    return 0;
}

static void guest_sends(const char *to, int count)
{
    struct stream stream = {.to = to, .count = count};
    ck_assert_int_eq(rig_call(&guest, send_all, &stream), 0);
}

static void peer_sends(const char *from, int which, int count)
{
    struct stream stream = {.from = from, .to = guest.addresses[which].text, .count = count};
    pid_t pid = fork();
    if (pid == 0) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/ns/net", peer);
        int ns = open(path, O_RDONLY | O_CLOEXEC);
        _exit(ns < 0 || setns(ns, CLONE_NEWNET) < 0 ? 9 : send_all(&stream));
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_int_eq(status, 0);
}

static struct usage_counters sample(void)
{
    struct usage_counters counters;
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &guest, &counters, err));
    return counters;
}

// Within one percent: neighbours are asked for, and what nobody listens to is answered now and then.
static void expect(const char *what, uint64_t counted, int packets, int headers)
{
    uint64_t sent = (uint64_t)packets * (uint64_t)(PAYLOAD + headers);
    ck_assert_msg(counted >= sent && counted <= sent + sent / 100, "%s: %lu of %lu", what,
                  (unsigned long)counted, (unsigned long)sent);
}

// IPv6 waits a second or two for its address.
static void wait_for_peer(void)
{
    char command[128];
    snprintf(command, sizeof(command), "ping -c 1 -W 1 %s", outside_6);
    for (int i = 0; i < 30; i++) {
        if (rig_exec(&guest, command, NULL, 0) == 0) {
            return;
        }
        usleep(500000); // until it has an address a ping fails at once
    }
    ck_abort_msg("the guest does not reach %s", outside_6);
}

START_TEST(what_goes_inside_and_outside_is_counted_apart)
{
    wait_for_peer();
    struct usage_counters a = sample();
    guest_sends(inside_4, DATAGRAMS);
    guest_sends(outside_4, DATAGRAMS / 2);
    struct usage_counters b = sample();
    expect("inside", b.net_tx_inside_bytes - a.net_tx_inside_bytes, DATAGRAMS, HEADERS_4);
    expect("outside", b.net_tx_outside_bytes - a.net_tx_outside_bytes, DATAGRAMS / 2, HEADERS_4);
    guest_sends(inside_6, DATAGRAMS);
    guest_sends(outside_6, DATAGRAMS / 2);
    a = sample();
    expect("inside", a.net_tx_inside_bytes - b.net_tx_inside_bytes, DATAGRAMS, HEADERS_6);
    expect("outside", a.net_tx_outside_bytes - b.net_tx_outside_bytes, DATAGRAMS / 2, HEADERS_6);
}
END_TEST

START_TEST(what_comes_from_inside_and_outside_is_counted_apart)
{
    wait_for_peer();
    struct usage_counters a = sample();
    peer_sends(inside_4, 0, DATAGRAMS);
    peer_sends(outside_4, 0, DATAGRAMS / 2);
    struct usage_counters b = sample();
    expect("inside", b.net_rx_inside_bytes - a.net_rx_inside_bytes, DATAGRAMS, HEADERS_4);
    expect("outside", b.net_rx_outside_bytes - a.net_rx_outside_bytes, DATAGRAMS / 2, HEADERS_4);
    peer_sends(inside_6, 1, DATAGRAMS);
    peer_sends(outside_6, 1, DATAGRAMS / 2);
    a = sample();
    expect("inside", a.net_rx_inside_bytes - b.net_rx_inside_bytes, DATAGRAMS, HEADERS_6);
    expect("outside", a.net_rx_outside_bytes - b.net_rx_outside_bytes, DATAGRAMS / 2, HEADERS_6);
}
END_TEST

static json_t *report(struct meters *meters, const struct usage_counters *raw)
{
    json_t *samples, *kept;
    meters_sample(meters, guest.vps, "0190a000-0000-7000-8000-00000000000a", raw);
    ck_assert_uint_eq(meters_take(meters, NULL, 1, &samples, &kept), 1);
    json_t *one = json_incref(json_array_get(samples, 0));
    json_decref(samples);
    json_decref(kept);
    return one;
}

START_TEST(a_table_that_goes_takes_nothing_back_and_leaves_a_gap)
{
    static const char name[] = "net_tx_outside_bytes";
    struct meters *meters = meters_create();
    wait_for_peer();
    guest_sends(outside_4, DATAGRAMS);
    struct usage_counters raw = sample();
    _cleanup_json_ json_t *before = report(meters, &raw);
    CALL(0, network_routed.open(&rig_config, err)); // the look of each minute takes nothing
    guest_sends(outside_4, DATAGRAMS);
    raw = sample();
    _cleanup_json_ json_t *between = report(meters, &raw);
    expect("the rules made anew",
           (uint64_t)(json_get_int(between, name, 0) - json_get_int(before, name, 0)), DATAGRAMS,
           HEADERS_4);
    ck_assert_int_eq(json_get_int(between, "net_gaps", -1), 0);
    rig_host("nft flush ruleset");
    CALL(0, network_routed.open(&rig_config, err));
    guest_sends(outside_4, DATAGRAMS);
    raw = sample();
    _cleanup_json_ json_t *after = report(meters, &raw);
    expect("the table made anew",
           (uint64_t)(json_get_int(after, name, 0) - json_get_int(between, name, 0)), DATAGRAMS,
           HEADERS_4);
    ck_assert_int_eq(json_get_int(after, "net_gaps", -1), 1);
    meters_destroy(meters);
}
END_TEST

START_TEST(counters_go_with_their_device)
{
    wait_for_peer();
    guest_sends(outside_4, 1);
    ck_assert_uint_gt(sample().net_tx_outside_bytes, 0);
    ck_assert_int_eq(rig_host("nft list set inet croft connections_out | grep -q elements"), 0);
    ck_assert_int_eq(rig_host("nft list set arp croft neighbours | grep -q elements"), 0);
    CALL(0, container_lxc.stop(&rig_config, guest.vps, 5, err));
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert_int_ne(rig_host("nft list set inet croft traffic_out_outside | grep -q counter"), 0);
    ck_assert_int_ne(rig_host("nft list set inet croft connections_out | grep -q elements"), 0);
    ck_assert_int_ne(rig_host("nft list set arp croft neighbours | grep -q elements"), 0);
    ck_assert_int_eq(rig_start(&guest), 0);
    ck_assert_uint_eq(sample().net_tx_outside_bytes, 0);
}
END_TEST

// ---- What a guest used up to its end

static const char boot[] = "0190a000-0000-7000-8000-00000000000b";

static void create_counted(void)
{
    rig_boot = boot;
    create();
    CALL(0, network_routed.attach(&rig_config, &guest, err));
    wait_for_peer();
}

static void destroy_counted(void)
{
    destroy();
    rig_boot = NULL;
}

static size_t left(struct last *ret_last)
{
    struct last *lasts;
    size_t count, refused;
    CALL(0, last_list(rig_config.state_dir, boot, &lasts, &count, &refused, err));
    ck_assert_uint_eq(refused, 0);
    if (count > 0) {
        *ret_last = lasts[0];
    }
    free(lasts);
    return count;
}

static struct last wait_for_last(void)
{
    struct last last;
    for (int i = 0; left(&last) == 0; i++) {
        ck_assert_msg(i < 100, "nothing was left");
        usleep(50000);
    }
    ck_assert_str_eq(last.vps, guest.vps);
    ck_assert_str_eq(last.boot, boot);
    return last;
}

static void wait_until_it_ended(void)
{
    enum observed observed = OBSERVED_RUNNING;
    for (int i = 0; observed == OBSERVED_RUNNING; i++) {
        ck_assert_msg(i < 100, "it does not end");
        usleep(50000);
        CALL(0, container_lxc.observe(&rig_config, guest.vps, &observed, err));
    }
}

// Known usage, of which half was sampled.
static struct usage_counters use(void)
{
    static const char work[] = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; "
                               "dd if=/dev/zero of=/x bs=64k count=16 conv=fsync 2>/dev/null";
    guest_sends(outside_4, DATAGRAMS / 2);
    ck_assert_int_eq(rig_exec(&guest, work, NULL, 0), 0);
    struct usage_counters half = sample();
    guest_sends(outside_4, DATAGRAMS / 2);
    ck_assert_int_eq(rig_exec(&guest, work, NULL, 0), 0);
    return half;
}

static void expect_all(const struct usage_counters *all, const struct usage_counters *half)
{
    expect("outside", all->net_tx_outside_bytes, DATAGRAMS, HEADERS_4);
    ck_assert_uint_gt(all->cpu_ns, half->cpu_ns + half->cpu_ns / 4);
    ck_assert_uint_gt(all->io_write_bytes, half->io_write_bytes);
    ck_assert_uint_eq(all->net_device, half->net_device);
}

START_TEST(a_guest_that_ends_has_left_all_that_it_used)
{
    const bool deletes_its_device = _i == 1;
    struct usage_counters half = use();
    if (deletes_its_device) {
        ck_assert_int_eq(rig_exec(&guest, "ip link del eth0", NULL, 0), 0);
        struct usage_counters now = sample();
        expect("outside", now.net_tx_outside_bytes, DATAGRAMS, HEADERS_4);
    }
    rig_exec(&guest, "kill -PWR 1", NULL, 0);
    struct last last = wait_for_last();
    expect_all(&last.counters, &half);
    if (!deletes_its_device) {
        ck_assert_uint_gt(last.counters.net_tx_bytes, half.net_tx_bytes);
    }
    CALL(0, container_lxc.stop(&rig_config, guest.vps, 5, err));
    ck_assert_int_ne(rig_host("test -e %s/vps/%s/device", rig_config.state_dir, guest.vps), 0);
    CALL(0, last_remove(rig_config.state_dir, &last, err));
}
END_TEST

START_TEST(of_a_guest_whose_monitor_was_killed_all_can_be_read)
{
    struct usage_counters half = use();
    rig_host("kill -9 $(cat /sys/fs/cgroup/pids/lxc.monitor.%s/cgroup.procs "
             "/sys/fs/cgroup/lxc.monitor.%s/cgroup.procs 2>/dev/null)",
             guest.vps, guest.vps);
    wait_until_it_ended();
    struct last last;
    ck_assert_uint_eq(left(&last), 0);
    struct usage_counters all = sample();
    expect_all(&all, &half);
}
END_TEST

START_TEST(a_program_that_is_not_there_holds_no_end_up)
{
    CALL(0, container_lxc.stop(&rig_config, guest.vps, 5, err));
    struct last last = wait_for_last();
    CALL(0, last_remove(rig_config.state_dir, &last, err));
    ck_assert_int_eq(rig_host("ip link show crv%u >/dev/null 2>&1", guest.slot), 1);
    char folder[] = "/nowhere";
    process_set_folder(folder);
    ck_assert_int_eq(rig_start(&guest), 0);
    rig_exec(&guest, "kill -PWR 1", NULL, 0);
    wait_until_it_ended();
    CALL(0, container_lxc.stop(&rig_config, guest.vps, 5, err));
    ck_assert_int_eq(rig_host("ip link show crv%u >/dev/null 2>&1", guest.slot), 1);
    ck_assert_uint_eq(left(&last), 0);
}
END_TEST

Suite *suite_traffic(void)
{
    Suite *suite = suite_create("traffic");
    TCase *tcase = tcase_create("classes");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, what_goes_inside_and_outside_is_counted_apart);
    tcase_add_test(tcase, what_comes_from_inside_and_outside_is_counted_apart);
    tcase_add_test(tcase, a_table_that_goes_takes_nothing_back_and_leaves_a_gap);
    tcase_add_test(tcase, counters_go_with_their_device);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ends");
    tcase_add_checked_fixture(tcase, create_counted, destroy_counted);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_guest_that_ends_has_left_all_that_it_used, 0, 2);
    tcase_add_test(tcase, of_a_guest_whose_monitor_was_killed_all_can_be_read);
    tcase_add_test(tcase, a_program_that_is_not_there_holds_no_end_up);
    suite_add_tcase(suite, tcase);
    return suite;
}
