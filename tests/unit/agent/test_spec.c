#include "spec.h"

#include "config.h"
#include "json.h"
#include "unit.h"

#include <string.h>

static const struct agent_config config = {.ids = {.base = 1000000, .count = 10}};
static const char id[] = "0198d2a0-0000-7000-8000-000000000001";

static const char good[] =
    "{\"hostname\":\"web1\",\"desired\":\"running\",\"id_base\":1065536,\"slot\":7,"
    "\"limits\":{\"vcpus\":2,\"memory_bytes\":1073741824,\"swap_bytes\":0,"
    "\"disk_bytes\":10737418240,\"pids\":4096},"
    "\"addresses\":[{\"family\":4,\"address\":\"10.83.0.2\"},"
    "{\"family\":6,\"address\":\"fd83::2\",\"kind\":\"network\",\"network\":\"fd83::/64\"},"
    "{\"family\":4,\"address\":\"10.83.0.3\",\"kind\":\"private\"}],"
    "\"forwards\":[{\"protocol\":\"udp\",\"host_port\":20053,\"address\":\"10.83.0.3\","
    "\"port\":53}],"
    "\"firewall\":{\"policy_in\":\"drop\",\"policy_out\":\"accept\",\"rules\":[]},"
    "\"ssh_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 me\"],"
    "\"image\":{\"sha256\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
    "\"size\":123,\"signature\":\""
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"name\":\"debian-12\"}}";

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    struct err err = {0};
    ck_assert_msg(json_read(text, strlen(text), JSON_DEPTH_MAX, &value, &err) == 0, "%s: %s", text,
                  err.text);
    return value;
}

static int decode(json_t *json, struct vps_spec *spec)
{
    struct err err = {0};
    return spec_decode(&config, id, 3, json, spec, &err);
}

START_TEST(a_good_spec_is_read_whole)
{
    _cleanup_json_ json_t *json = parse(good);
    struct vps_spec spec;
    ck_assert_int_eq(decode(json, &spec), 0);
    ck_assert_str_eq(spec.vps, id);
    ck_assert_str_eq(spec.hostname, "web1");
    ck_assert(spec.desired_running);
    ck_assert_uint_eq(spec.id_base, 1065536);
    ck_assert_uint_eq(spec.slot, 7);
    ck_assert_int_eq(spec.generation, 3);
    ck_assert_int_eq(spec.limits.vcpus, 2);
    ck_assert_int_eq(spec.limits.memory_bytes, 1073741824);
    ck_assert_int_eq(spec.limits.disk_bytes, 10737418240);
    ck_assert_int_eq(spec.limits.pids, 4096);
    ck_assert_uint_eq(spec.address_count, 3);
    ck_assert_int_eq(spec.addresses[0].kind, ADDRESS_ROUTED);
    ck_assert_int_eq(spec.addresses[1].kind, ADDRESS_NETWORK);
    ck_assert_str_eq(spec.addresses[1].network, "fd83::/64");
    ck_assert_int_eq(spec.addresses[2].kind, ADDRESS_PRIVATE);
    ck_assert_uint_eq(spec.forward_count, 1);
    ck_assert(spec.forwards[0].udp);
    ck_assert_uint_eq(spec.forwards[0].host_port, 20053);
    ck_assert_uint_eq(spec.forwards[0].port, 53);
    ck_assert_ptr_nonnull(spec.firewall);
    ck_assert_int_eq(spec.addresses[1].family, 6);
    ck_assert_str_eq(spec.addresses[1].text, "fd83::2");
    ck_assert_uint_eq(spec.ssh_key_count, 1);
    ck_assert_str_eq(spec.ssh_keys[0], "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 me");
    ck_assert_int_eq(spec.image.size, 123);
    ck_assert_str_eq(spec.image.name, "debian-12");
    spec_finish(&spec);
}
END_TEST

START_TEST(what_a_newer_server_adds_is_ignored)
{
    _cleanup_json_ json_t *json = parse(good);
    json_object_set_new(json, "colour", json_string("green"));
    json_object_set_new(json_object_get(json, "limits"), "io_weight", json_integer(7));
    struct vps_spec spec;
    ck_assert_int_eq(decode(json, &spec), 0);
    spec_finish(&spec);
}
END_TEST

// One member of the good spec (or of an object in it) replaced by a bad value.
static const struct {
    const char *object, *member, *value;
} bad[] = {
    {NULL, "hostname", "\"Web1\""},
    {NULL, "hostname", "\"-web\""},
    {NULL, "hostname", "\"a.b\""},
    {NULL, "hostname", "\"web\\nlxc.hook.start = /bin/sh\""},
    {NULL, "hostname", "\"\""},
    {NULL, "desired", "\"paused\""},
    {NULL, "id_base", "0"},
    {NULL, "id_base", "1000001"},
    {NULL, "id_base", "934464"}, // one range below
    {NULL, "id_base", "1655360"}, // one range past
    {NULL, "id_base", "4294967295"},
    {NULL, "id_base", "-65536"},
    {NULL, "slot", "4294967296"},
    {NULL, "slot", "\"7\""},
    {"limits", "vcpus", "0"},
    {"limits", "memory_bytes", "-1"},
    {"limits", "memory_bytes", "9223372036854775807"},
    {"limits", "disk_bytes", "1"},
    {"limits", "pids", "1"},
    {"limits", "pids", "1.5"},
    {NULL, "addresses", "{}"},
    {NULL, "addresses", "[{\"family\":5,\"address\":\"10.0.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"10.0.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"10.0.0.01\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"10.0.0.1/8\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"127.0.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"169.254.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"224.0.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"0.0.0.0\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"fd83:0::2\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"FD83::2\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"fe80::1\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"::1\"}]"},
    {NULL, "addresses", "[{\"family\":6,\"address\":\"::ffff:10.0.0.1\"}]"},
    {NULL, "addresses",
     "[{\"family\":4,\"address\":\"10.0.0.1\"},{\"family\":4,\"address\":\"10.0.0.1\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"10.0.0.1 } ; flush ruleset\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"10.0.0.1\",\"kind\":\"public\"}]"},
    {NULL, "addresses", "[{\"family\":4,\"address\":\"10.0.0.1\",\"kind\":\"network\"}]"},
    {NULL, "addresses",
     "[{\"family\":4,\"address\":\"10.0.0.1\",\"kind\":\"network\",\"network\":\"10.1.0.0/16\"}]"},
    {NULL, "addresses",
     "[{\"family\":4,\"address\":\"10.0.0.1\",\"kind\":\"network\",\"network\":\"10.0.0.0/8}\"}]"},
    {NULL, "forwards", "{}"},
    {NULL, "forwards",
     "[{\"protocol\":\"tcp\",\"host_port\":22,\"address\":\"10.83.0.3\",\"port\":22}]"},
    {NULL, "forwards", // of an address that is routed
     "[{\"protocol\":\"tcp\",\"host_port\":2222,\"address\":\"10.83.0.2\",\"port\":22}]"},
    {NULL, "firewall", "{\"policy_in\":\"drop\"}"},
    {NULL, "ssh_keys", "[\"AAAA\"]"},
    {NULL, "ssh_keys", "[\"ssh-dss AAAAB3NzaC1kc3MAAACBAAAA\"]"},
    {NULL, "ssh_keys", "[\"command=\\\"x\\\" ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\"]"},
    {NULL, "ssh_keys", "[\"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\\nssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\"]"},
    {NULL, "ssh_keys", "[\"ssh-rsa short\"]"},
    {NULL, "ssh_keys", "\"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\""},
    {"image", "sha256", "\"../../../../../../../../../../../../../../../../../../etc/passwd\""},
    {"image", "sha256", "\"AAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
    {"image", "signature", "\"bb\""},
    {"image", "size", "0"},
};

START_TEST(a_bad_value_is_refused)
{
    _cleanup_json_ json_t *json = parse(good);
    char wrapped[512];
    snprintf(wrapped, sizeof(wrapped), "[%s]", bad[_i].value);
    _cleanup_json_ json_t *holder = parse(wrapped);
    json_t *object = bad[_i].object ? json_object_get(json, bad[_i].object) : json;
    json_object_set(object, bad[_i].member, json_array_get(holder, 0));
    struct vps_spec spec;
    struct err err = {0};
    int r = spec_decode(&config, id, 3, json, &spec, &err);
    ck_assert_msg(r == ERR_INVALID || r == ERR_MALFORMED, "%s = %s: %d", bad[_i].member,
                  bad[_i].value, r);
    ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(a_missing_member_is_refused)
{
    static const char *const members[] = {"hostname", "desired",   "id_base", "slot",
                                          "limits",   "addresses", "image"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        _cleanup_json_ json_t *json = parse(good);
        json_object_del(json, members[i]);
        struct vps_spec spec;
        ck_assert_msg(decode(json, &spec) == ERR_INVALID, "%s", members[i]);
    }
}
END_TEST

START_TEST(the_id_must_be_a_uuid)
{
    static const char *const ids[] = {"", "../evil", "a/b", "0198D2A0-0000-7000-8000-000000000001",
                                      "0198d2a0-0000-7000-8000-00000000000"};
    _cleanup_json_ json_t *json = parse(good);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct vps_spec spec;
        struct err err = {0};
        ck_assert_int_eq(spec_decode(&config, ids[i], 1, json, &spec, &err), ERR_INVALID);
    }
}
END_TEST

START_TEST(something_else_than_an_object_is_refused)
{
    static const char *const others[] = {"[]", "[[]]", "[null]", "[7]", "[\"x\"]"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        _cleanup_json_ json_t *json = parse(others[i]);
        struct vps_spec spec;
        ck_assert_int_lt(decode(i ? json_array_get(json, 0) : json, &spec), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec");
    TCase *tcase = tcase_create("spec");
    tcase_add_test(tcase, a_good_spec_is_read_whole);
    tcase_add_test(tcase, what_a_newer_server_adds_is_ignored);
    tcase_add_loop_test(tcase, a_bad_value_is_refused, 0, (int)ARRAY_LEN(bad));
    tcase_add_test(tcase, a_missing_member_is_refused);
    tcase_add_test(tcase, the_id_must_be_a_uuid);
    tcase_add_test(tcase, something_else_than_an_object_is_refused);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
