#include "args.h"

#include "json.h"
#include "unit.h"

static int decode(const char *kind, const char *text, struct task_args *ret_args)
{
    _cleanup_json_ json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    struct err err = {0};
    ck_assert(!text || json);
    int r = args_decode(kind, json, ret_args, &err);
    ck_assert(r == 0 || err.text[0]);
    return r;
}

START_TEST(what_is_not_said_has_its_default)
{
    struct task_args args;
    ck_assert_int_eq(decode("vps_stop", NULL, &args), 0);
    ck_assert(!args.force && args.timeout_s == -1 && !args.password_hash && !args.fit);
    ck_assert_int_eq(decode("vps_stop", "{\"force\":true,\"timeout_s\":30,\"newer\":1}", &args), 0);
    ck_assert(args.force && args.timeout_s == 30);
    ck_assert_int_eq(decode("vps_update", "{\"keep_power\":true}", &args), 0);
    ck_assert(args.keep_power && !args.force);
    ck_assert_int_eq(decode("vps_delete", "{\"force\":true}", &args), 0);
    ck_assert(!args.force);
}
END_TEST

static const struct {
    const char *kind, *args;
} refused[] = {
    {"vps_stop", "[]"},
    {"vps_stop", "{\"timeout_s\":601}"},
    {"vps_stop", "{\"timeout_s\":-2}"},
    {"vps_stop", "{\"force\":1}"},
    {"vps_password", "{}"},
    {"vps_password", "{\"password_hash\":\"plain text of one\"}"},
    {"vps_password", "{\"password_hash\":\"$6$salt$ha:0:0:x\"}"},
    {"vps_password", "{\"password_hash\":\"$6$salt$ha\\nroot::\"}"},
    {"vps_create", "{\"user_data\":\"\\u0007\"}"},
};

START_TEST(what_is_wrong_is_refused)
{
    struct task_args args;
    ck_assert_int_eq(decode(refused[_i].kind, refused[_i].args, &args), ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("args");
    TCase *cases = tcase_create("args");
    tcase_add_test(cases, what_is_not_said_has_its_default);
    tcase_add_loop_test(cases, what_is_wrong_is_refused, 0, (int)ARRAY_LEN(refused));
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
