#include "bodies.h"

#include "json.h"
#include "macro.h"
#include "unit.h"

#include <string.h>

static int check(const struct field *table, const char *text, struct err *err)
{
    _cleanup_json_ json_t *object = NULL;
    int r = json_read(text, strlen(text), JSON_DEPTH_MAX, &object, err);
    if (r == 0) {
        r = field_check(table, object, err);
    }
    return r == 0 ? bodies_check_words(table, object, err) : r;
}

#define ID "\"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11\""
#define VPS "\"plan_id\":" ID ",\"image_id\":" ID ",\"location_id\":" ID

START_TEST(test_takes_what_is_right)
{
    struct err err = {0};
    ck_assert_int_eq(check(body_vps, "{\"name\":\"a\"," VPS "}", &err), 0);
    ck_assert_int_eq(
        check(body_vps, "{\"name\":\"a\"," VPS ",\"ssh_keys\":[\"k\"],\"start\":false}", &err), 0);
    ck_assert_int_eq(check(body_quotas, "{\"vps\":null,\"ipv4\":0}", &err), 0);
    ck_assert_int_eq(check(body_node_patch, "{\"state\":\"draining\"}", &err), 0);
    ck_assert_int_eq(
        check(body_token, "{\"name\":\"a\",\"expires_at\":\"2030-01-01T00:00:00.5+01:00\"}", &err),
        0);
}
END_TEST

START_TEST(test_names_the_place_of_what_is_wrong)
{
    static const struct {
        const struct field *table;
        const char *text, *pointer;
    } cases[] = {
        {body_vps, "{\"name\":\"a\"," VPS ",\"x\":1}", "/x"},
        {body_vps, "{\"name\":\"A\"," VPS "}", "/name"},
        {body_vps, "{" VPS "}", "/name"},
        {body_vps, "{\"name\":\"a\"," VPS ",\"ssh_keys\":[\"k\",1]}", "/ssh_keys/1"},
        {body_vps, "{\"name\":\"a\"," VPS ",\"ssh_keys\":[\"a\\nb\"]}", "/ssh_keys/0"},
        {body_tenant, "{\"name\":\"a\",\"quotas\":{\"vps\":-1}}", "/quotas/vps"},
        {body_tenant, "{\"name\":\"a\",\"quotas\":{\"gold\":1}}", "/quotas/gold"},
        {body_plan,
         "{\"name\":\"a\",\"title\":\"a\",\"vcpus\":0,\"memory_bytes\":99999999,\"disk_bytes\":"
         "99999999,\"pids\":99}",
         "/vcpus"},
        {body_node_patch, "{\"state\":\"retired\"}", "/state"},
        {body_user,
         "{\"email\":\"a@b\",\"password\":\"123456789012\",\"tenant_id\":" ID ",\"role\":\"king\"}",
         "/role"},
        {body_token, "{\"name\":\"a\",\"expires_at\":\"tomorrow, at about noon\"}", "/expires_at"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        ck_assert_msg(check(cases[i].table, cases[i].text, &err) == ERR_INVALID, "%s",
                      cases[i].text);
        ck_assert_str_eq(err.pointer, cases[i].pointer);
    }
}
END_TEST

START_TEST(test_reads_queries_by_type)
{
    static const struct {
        const struct field *table;
        const char *name, *value;
        int result;
    } cases[] = {
        {query_page, "limit", "200", 0},
        {query_page, "limit", "0", ERR_INVALID},
        {query_page, "limit", "201", ERR_INVALID},
        {query_page, "limit", "+5", ERR_INVALID},
        {query_page, "limit", "5x", ERR_INVALID},
        {query_page, "limit", "", ERR_INVALID},
        {query_page, "limit", "99999999999999999999", ERR_INVALID},
        {query_page, "colour", "1", ERR_INVALID},
        {query_none, "limit", "1", ERR_INVALID},
        {query_vps, "observed", "running", 0},
        {query_vps, "observed", "purple", ERR_INVALID},
        {query_usage, "from", "2026-01-01T00:00:00Z", 0},
        {query_usage, "from", "yesterday", ERR_INVALID},
        {query_usage, "from", "2026-01-01", ERR_INVALID},
        {query_usage, "from", "2026-01-01T00:00:00.5-14:00", 0},
        {query_usage, "from", "2026-01-01T00:00:00+14:01", ERR_INVALID},
        {query_usage, "from", "2026-01-01T00:00:00+99:99", ERR_INVALID},
        {query_usage, "from", "2026-01-01T00:00:00+05:60", ERR_INVALID},
        {query_usage, "from", "2026-01-01T00:00:00+0530", ERR_INVALID},
        {query_usage, "from", "0001-01-01T00:00:00Z", ERR_INVALID},
        {query_usage, "to", "9999-01-01T00:00:00Z", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *object = NULL;
        struct err err = {0};
        int r = bodies_read_query(cases[i].table, (const char *[]){cases[i].name},
                                  (const char *[]){cases[i].value}, 1, &object, &err);
        ck_assert_msg(r == cases[i].result, "%s=%s: %d", cases[i].name, cases[i].value, r);
        json_decref(object);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_takes_what_is_right, test_names_the_place_of_what_is_wrong,
                                  test_reads_queries_by_type, NULL};
    return unit_run(unit_suite("bodies", tests));
}
