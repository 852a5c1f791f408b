#include "filter_guest.h"

#include "cidr.h"
#include "firewall.h"
#include "json.h"
#include "unit.h"

#include <string.h>

static int decode(const char *text, struct firewall **ret_firewall)
{
    _cleanup_json_ json_t *value = NULL;
    struct err err = {0};
    ck_assert_msg(json_read(text, strlen(text), JSON_DEPTH_MAX, &value, &err) == 0, "%s", err.text);
    int r = firewall_decode(value, ret_firewall, &err);
    ck_assert(r == 0 || err.text[0]);
    return r;
}

static char *commands_of(const struct vps_spec *spec,
                         void (*write_commands)(const struct vps_spec *, FILE *))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    write_commands(spec, out);
    fclose(out);
    return text;
}

START_TEST(a_guest_that_needs_nothing_adds_nothing)
{
    struct vps_spec spec = {.slot = 7, .address_count = 1};
    ck_assert_int_eq(
        decode("{\"policy_in\":\"accept\",\"policy_out\":\"accept\",\"rules\":[]}", &spec.firewall),
        0);
    _cleanup_free_ char *text = commands_of(&spec, filter_guest_write);
    ck_assert_str_eq(text, "");
    spec_finish(&spec);
    ck_assert_int_eq(firewall_decode(NULL, &spec.firewall, NULL), 0);
    ck_assert_ptr_null(spec.firewall);
}
END_TEST

START_TEST(rules_stand_in_order_in_a_chain_of_the_guest)
{
    struct vps_spec spec = {.slot = 7};
    ck_assert_int_eq(
        decode("{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":["
               "{\"direction\":\"in\",\"action\":\"drop\",\"protocol\":\"any\","
               "\"cidrs\":[\"192.0.2.0/24\",\"2001:db8::/32\",\"198.51.100.1/32\"]},"
               "{\"direction\":\"out\",\"action\":\"accept\",\"protocol\":\"any\"},"
               "{\"direction\":\"in\",\"action\":\"accept\",\"protocol\":\"udp\","
               "\"ports\":[\"53\",\"5000-5100\"]},"
               "{\"direction\":\"in\",\"action\":\"accept\",\"protocol\":\"tcp\",\"cidrs\":[]}]}",
               &spec.firewall),
        0);
    _cleanup_free_ char *text = commands_of(&spec, filter_guest_write);
    ck_assert_str_eq(
        text, "add chain inet croft in7\n"
              "flush chain inet croft in7\n"
              "add rule inet croft in7 ip saddr { 192.0.2.0/24, 198.51.100.1/32 } drop\n"
              "add rule inet croft in7 ip6 saddr { 2001:db8::/32 } drop\n"
              "add rule inet croft in7 meta l4proto udp th dport { 53-53, 5000-5100 } return\n"
              "add rule inet croft in7 drop\n"
              "add element inet croft guest_in { \"crv7\" : jump in7 }\n");
    spec_finish(&spec);
}
END_TEST

START_TEST(what_is_written_is_taken_back)
{
    struct vps_spec spec = {
        .slot = 7,
        .rates.net_bps = 80000000,
        .address_count = 2,
        .addresses =
            {{.family = 4, .text = "10.0.0.2", .kind = ADDRESS_PRIVATE},
             {.family = 6, .text = "fd00::2", .kind = ADDRESS_NETWORK, .network = "fd00::/64"}},
        .forward_count = 1,
        .forwards = {{.udp = true, .host_port = 20000, .port = 53, .address = "10.0.0.2"}},
    };
    static const char *const deleted[] = {"delete limit inet croft up7\n",
                                          "delete element inet croft rate_down { \"crv7\" }\n",
                                          "delete element inet croft private4 { 10.0.0.2 }\n",
                                          "delete element inet croft member6 { fd00::2 }\n",
                                          "delete element inet croft forwards { udp . 20000 }\n"};
    static const char *const added[] = {
        "add limit inet croft up7 { rate over 10000000 bytes/second burst 2000000 bytes }\n",
        "create element inet croft private4 { 10.0.0.2 }\n",
        "add element inet croft networks6 { fd00::/64 . fd00::/64 }\n",
        "add element inet croft forwards { udp . 20000 : 10.0.0.2 . 53 }\n"};
    _cleanup_free_ char *text = commands_of(&spec, filter_guest_write);
    _cleanup_free_ char *undo = commands_of(&spec, filter_guest_undo);
    for (size_t i = 0; i < ARRAY_LEN(added); i++) {
        ck_assert_msg(strstr(text, added[i]), "%s in %s", added[i], text);
    }
    for (size_t i = 0; i < ARRAY_LEN(deleted); i++) {
        ck_assert_msg(strstr(undo, deleted[i]), "%s in %s", deleted[i], undo);
    }
}
END_TEST

START_TEST(what_is_no_firewall_is_refused)
{
#define RULE(rule) "{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":[{" rule "}]}"
#define IN "\"direction\":\"in\",\"action\":\"accept\","
    static const char *const bad[] = {
        "[]",
        "{\"policy_in\":\"drop\",\"rules\":[]}",
        "{\"policy_in\":\"maybe\",\"policy_out\":\"accept\",\"rules\":[]}",
        "{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":{}}",
        RULE(""),
        RULE("\"direction\":\"up\",\"action\":\"accept\",\"protocol\":\"any\""),
        RULE("\"direction\":\"in\",\"action\":\"reject\",\"protocol\":\"any\""),
        RULE(IN "\"protocol\":\"sctp\""),
        RULE(IN "\"protocol\":\"any\",\"ports\":[\"22\"]"),
        RULE(IN "\"protocol\":\"icmp\",\"ports\":[\"22\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"0\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"022\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"65536\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"90-80\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"80-\"]"),
        RULE(IN "\"protocol\":\"tcp\",\"ports\":[\"22 }\"]"),
        RULE(IN "\"protocol\":\"any\",\"cidrs\":\"10.0.0.0/8\""),
        RULE(IN "\"protocol\":\"any\",\"cidrs\":[10]"),
        RULE(IN "\"protocol\":\"any\",\"cidrs\":[\"10.0.0.1/8\"]"),
        RULE(IN "\"protocol\":\"any\",\"cidrs\":[\"10.0.0.0/8; flush ruleset\"]"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct firewall *firewall = NULL;
        ck_assert_msg(decode(bad[i], &firewall) < 0, "%s", bad[i]);
        ck_assert_ptr_null(firewall);
    }
}
END_TEST

START_TEST(a_network_is_taken_in_canonical_form_only)
{
    static const char *const good4[] = {"0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32"};
    static const char *const good6[] = {"::/0", "2001:db8::/32", "fe80::1/128", "fe00::/7"};
    static const char *const bad[] = {"",
                                      "/",
                                      "10.0.0.0",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/08",
                                      "10.0.0.0/+8",
                                      "10.0.0.1/8",
                                      "010.0.0.0/8",
                                      "2001:DB8::/32",
                                      "2001:db8:0::/48",
                                      "2001:db8::1/32",
                                      "::/129",
                                      "10.0.0.0/8 "};
    for (size_t i = 0; i < ARRAY_LEN(good4); i++) {
        ck_assert_msg(cidr_family(good4[i]) == 4, "%s", good4[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(good6); i++) {
        ck_assert_msg(cidr_family(good6[i]) == 6, "%s", good6[i]);
    }
    ck_assert_int_eq(cidr_family("fd00::/7"), 0); // a bit behind the prefix
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(cidr_family(bad[i]) == 0, "%s", bad[i]);
    }
    ck_assert(cidr_holds("10.0.0.0/8", "10.255.0.1"));
    ck_assert(!cidr_holds("10.0.0.0/8", "11.0.0.1"));
    ck_assert(!cidr_holds("10.0.0.0/8", "fd00::1"));
    ck_assert(cidr_holds("fd00::/9", "fd7f::1"));
    ck_assert(!cidr_holds("fd00::/9", "fd80::1"));
    ck_assert(cidr_holds("0.0.0.0/0", "203.0.113.1"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_guest_that_needs_nothing_adds_nothing,
                                  rules_stand_in_order_in_a_chain_of_the_guest,
                                  what_is_written_is_taken_back,
                                  what_is_no_firewall_is_refused,
                                  a_network_is_taken_in_canonical_form_only,
                                  NULL};
    return unit_run(unit_suite("filter_guest", tests));
}
