// The nftables table without guests: what nftables refuses of one stops neither the others nor the node, nothing is ever
// open that was filtered, and an address or a port is one guest's.
#include "cidr.h"
#include "filter_file.h"
#include "firewall.h"
#include "health.h"
#include "json.h"
#include "rig.h"
#include "test_drivers.h"
#include "vps_state.h"

#include <stdlib.h>
#include <string.h>

static struct vps_spec one, two;

// Its record, as a task leaves it.
static void save_state(const struct vps_spec *spec)
{
    struct vps_state state = {.spec = json_pack("{s:I}", "slot", (json_int_t)spec->slot)};
    snprintf(state.vps, sizeof(state.vps), "%s", spec->vps);
    CALL(0, vps_state_save(&rig_config, &state, err));
    vps_state_finish(&state);
}

static void close_firewall(struct vps_spec *spec)
{
    json_t *value =
        json_pack("{s:s, s:s, s:[]}", "policy_in", "drop", "policy_out", "accept", "rules");
    CALL(0, firewall_decode(value, &spec->firewall, err));
    json_decref(value);
}

// Two guests with firewalls, private addresses and a forwarded port each.
static void create(void)
{
    struct vps_spec *both[] = {&one, &two};
    for (size_t i = 0; i < 2; i++) {
        struct vps_spec *spec = both[i];
        rig_spec(spec, 20 + (unsigned)i);
        spec->addresses[0].kind = ADDRESS_PRIVATE;
        spec->forward_count = 1;
        spec->forwards[0] = (struct vps_forward){.host_port = (uint16_t)(20000 + i), .port = 22};
        snprintf(spec->forwards[0].address, 46, "%s", spec->addresses[0].text);
        close_firewall(spec);
        save_state(spec);
    }
    rig_host("nft delete table inet croft 2>/dev/null");
    CALL(0, network_routed.open(&rig_config, err));
}

static void destroy(void)
{
    struct vps_spec *both[] = {&one, &two};
    for (size_t i = 0; i < 2; i++) {
        rig_host("chattr -i %s/vps/%s/* 2>/dev/null; rm -rf %s/vps/%s", rig_config.state_dir,
                 both[i]->vps, rig_config.state_dir, both[i]->vps);
        spec_finish(both[i]);
    }
}

static bool lists(const char *what, const char *text)
{
    return rig_host("nft list %s 2>/dev/null | grep -qF '%s'", what, text) == 0;
}

static bool is_filtered(const struct vps_spec *spec)
{
    char element[32];
    snprintf(element, sizeof(element), "\"crv%u\" : jump in%u", spec->slot, spec->slot);
    return lists("map inet croft guest_in", element);
}

static bool is_cut_off(const struct vps_spec *spec)
{
    char element[16];
    snprintf(element, sizeof(element), "\"crv%u\"", spec->slot);
    return lists("set inet croft cut_off", element);
}

static bool is_private(const struct vps_spec *spec)
{
    return lists("set inet croft private4", spec->addresses[0].text);
}

static bool is_alarmed(const struct vps_spec *spec)
{
    _cleanup_json_ json_t *alarms = health_observe(&rig_config, &rig_drivers);
    size_t i;
    json_t *alarm;
    json_array_foreach (alarms, i, alarm) {
        if (strcmp(json_get_string(alarm, "code", ""), "filter_refused") == 0) {
            return strstr(json_get_string(alarm, "detail", ""), spec->vps) != NULL;
        }
    }
    return false;
}

// As what was written by an agent that knew more, or by a hand.
static void spoil(const struct vps_spec *spec, const char *with)
{
    rig_host("sed -i '2i %s' %s/vps/%s/filter", with, rig_config.state_dir, spec->vps);
}

START_TEST(a_guest_whose_filter_is_refused_is_cut_off_and_nobody_else)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    ck_assert(is_filtered(&one) && is_filtered(&two));
    ck_assert(!is_alarmed(&one));
    spoil(&one, "add rule inet croft in20 this is none");
    for (int i = 0; i < 2; i++) {
        rig_host(
            "nft flush ruleset"); // as a node that has booted; the second time with what it noted
        CALL(0, network_routed.open(&rig_config, err));
        ck_assert(is_filtered(&two) && is_private(&two));
        ck_assert(is_cut_off(&one) && !is_cut_off(&two));
        ck_assert(is_alarmed(&one));
    }
    // The other is changed and removed as ever.
    two.forward_count = 0;
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    CALL(0, network_routed.remove(&rig_config, &two, err));
    ck_assert(!is_filtered(&two));
    ck_assert(is_cut_off(&one));
    // The next order of it is a new chance.
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    ck_assert(is_filtered(&one) && !is_cut_off(&one) && !is_alarmed(&one));
}
END_TEST

START_TEST(a_guest_that_is_cut_off_goes_away)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    spoil(&one, "add rule inet croft in20 this is none");
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_cut_off(&one));
    CALL(0, network_routed.remove(&rig_config, &one, err));
    ck_assert(!is_cut_off(&one) && !is_filtered(&one) && !is_alarmed(&one));
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(!is_cut_off(&one));
}
END_TEST

START_TEST(what_is_refused_is_tried_again_with_every_look)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    spoil(&one, "add element inet croft later { 1 }");
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_cut_off(&one));
    rig_host("nft 'add set inet croft later { type mark; }'");
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_filtered(&one) && !is_cut_off(&one) && !is_alarmed(&one));
}
END_TEST

START_TEST(an_order_that_is_refused_leaves_what_was)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    struct err failure = {0};
    uint16_t port = one.forwards[0].host_port;
    one.forwards[0].host_port = two.forwards[0].host_port;
    ck_assert_int_lt(network_routed.prepare(&rig_config, &one, &failure), 0);
    ck_assert_int_eq(
        rig_host("grep -q 'tcp . %u' %s/vps/%s/filter", port, rig_config.state_dir, one.vps), 0);
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_filtered(&one) && is_filtered(&two));
    ck_assert(!is_cut_off(&one) && !is_cut_off(&two));
    // Nor did the refused one take the other's port with it when it goes.
    CALL(0, network_routed.remove(&rig_config, &one, err));
    ck_assert(lists("map inet croft forwards", two.forwards[0].address));
}
END_TEST

START_TEST(an_address_that_another_has_is_nobody_elses)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    struct err failure = {0};
    struct vps_address own = two.addresses[0];
    two.forward_count = 0;
    two.addresses[0] = one.addresses[0];
    ck_assert_int_lt(network_routed.prepare(&rig_config, &two, &failure), 0);
    ck_assert(is_private(&one));
    two.addresses[0] = own;
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    // As two records that both survived: one of them is cut off, and goes without the other's.
    rig_host("sed -i 's/ %s }/ %s }/' %s/vps/%s/filter", own.text, one.addresses[0].text,
             rig_config.state_dir, two.vps);
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_filtered(&one) && is_private(&one) && !is_cut_off(&one));
    ck_assert(is_cut_off(&two) && is_alarmed(&two));
    CALL(0, network_routed.remove(&rig_config, &two, err));
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_private(&one) && !is_cut_off(&two));
}
END_TEST

START_TEST(what_cannot_be_read_opens_nothing)
{
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    CALL(0, network_routed.prepare(&rig_config, &two, err));
    struct err failure = {0};
    // The list of guests.
    rig_host("mv %s/vps %s/away && touch %s/vps", rig_config.state_dir, rig_config.state_dir,
             rig_config.state_dir);
    ck_assert_int_lt(network_routed.open(&rig_config, &failure), 0);
    rig_host("rm %s/vps && mv %s/away %s/vps", rig_config.state_dir, rig_config.state_dir,
             rig_config.state_dir);
    ck_assert(is_filtered(&one) && is_filtered(&two) && is_private(&two));
    // One guest's part: its record tells which device is cut off.
    rig_host("cd %s/vps/%s && rm filter && mkdir filter", rig_config.state_dir, one.vps);
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert(is_cut_off(&one) && is_alarmed(&one));
    ck_assert(is_filtered(&two) && is_private(&two));
    // Neither: all stays as it was.
    rig_host("echo '{' > %s/vps/%s/state.json", rig_config.state_dir, one.vps);
    ck_assert_int_lt(network_routed.open(&rig_config, &failure), 0);
    ck_assert(is_cut_off(&one) && is_filtered(&two));
    rig_host("rmdir %s/vps/%s/filter", rig_config.state_dir, one.vps);
    save_state(&one);
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    ck_assert(is_filtered(&one) && !is_cut_off(&one));
}
END_TEST

START_TEST(every_network_that_a_spec_may_name_is_taken_as_it_is_written)
{
    static const char *const texts[] = {
        "0.0.0.0/0",          "10.0.0.0/8",        "::/0",         "::5/128",
        "::102/128",          "::0.1.0.5/128",     "::/96",        "::1.2.0.0/112",
        "::ffff:1.2.3.4/128", "::ffff:0.0.0.0/96", "64:ff9b::/96", "2001:db8:0:1::/64"};
    json_t *rules = json_array();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) { // each by itself: they lie in each other
        ck_assert_msg(cidr_family(texts[i]) != 0, "%s is not canonical", texts[i]);
        json_array_append_new(rules,
                              json_pack("{s:s, s:s, s:s, s:[s]}", "direction", "in", "action",
                                        "accept", "protocol", "any", "cidrs", texts[i]));
    }
    json_t *value =
        json_pack("{s:s, s:s, s:o}", "policy_in", "drop", "policy_out", "accept", "rules", rules);
    firewall_free(one.firewall);
    CALL(0, firewall_decode(value, &one.firewall, err));
    json_decref(value);
    CALL(0, network_routed.prepare(&rig_config, &one, err));
    ck_assert_int_eq(rig_host("test $(nft list chain inet croft in%u | grep -c saddr) -eq %zu",
                              one.slot, ARRAY_LEN(texts)),
                     0);
}
END_TEST

Suite *suite_filter(void)
{
    Suite *suite = suite_create("filter");
    TCase *tcase = tcase_create("table");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_guest_whose_filter_is_refused_is_cut_off_and_nobody_else);
    tcase_add_test(tcase, a_guest_that_is_cut_off_goes_away);
    tcase_add_test(tcase, what_is_refused_is_tried_again_with_every_look);
    tcase_add_test(tcase, an_order_that_is_refused_leaves_what_was);
    tcase_add_test(tcase, an_address_that_another_has_is_nobody_elses);
    tcase_add_test(tcase, what_cannot_be_read_opens_nothing);
    tcase_add_test(tcase, every_network_that_a_spec_may_name_is_taken_as_it_is_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
