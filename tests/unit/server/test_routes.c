#include "routes.h"

#include "macro.h"
#include "unit.h"

#include <string.h>

#define ID "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"

START_TEST(test_finds_by_method_and_path)
{
    struct route_match match;
    route_find(EVHTTP_REQ_GET, "/v1/vps", &match);
    ck_assert_int_eq(match.route->sql, SQL_VPS_LIST);
    route_find(EVHTTP_REQ_POST, "/v1/vps", &match);
    ck_assert_int_eq(match.route->sql, SQL_VPS_CREATE);
    route_find(EVHTTP_REQ_POST, "/v1/vps/" ID "/stop", &match);
    ck_assert_int_eq(match.route->sql, SQL_VPS_STOP);
    ck_assert_str_eq(match.id, ID);
}
END_TEST

START_TEST(test_an_id_is_a_uuid_and_nothing_else)
{
    static const char *const paths[] = {
        "/v1/vps/",
        "/v1/vps/x",
        "/v1/vps/" ID "/",
        "/v1/vps/" ID "x",
        "/v1/vps/" ID "/stop/",
        "/v1/vps//stop",
        "/v1/VPS",
        "/v1/vps/01980D5E-7C00-7A3B-9C41-0D9F2B6E5A11",
        "/v1",
        "/",
        "",
        "/v1/vps/01980d5e-7c00-7a3b-9c41-0d9f2b6e5a1/",
        "/v1/vps/{id}",
    };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct route_match match;
        route_find(EVHTTP_REQ_GET, paths[i], &match);
        ck_assert_msg(!match.route && match.allowed == 0, "%s", paths[i]);
    }
}
END_TEST

START_TEST(test_says_what_is_allowed)
{
    struct route_match match;
    char allow[80];
    route_find(EVHTTP_REQ_PUT, "/v1/vps/" ID, &match);
    ck_assert_ptr_null(match.route);
    route_allow(match.allowed, allow, sizeof(allow));
    ck_assert_str_eq(allow, "GET, PATCH, DELETE");
}
END_TEST

// A person's own password and second factor, whose proof is not to be kept, and the states of a tenant, which are the same said twice.
static bool makes_nothing(const char *path)
{
    static const char *const verbs[] = {"/suspend", "/close", "/retire",        "/void",
                                        "/adopt",   "/clean", "/orphans/delete"};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        size_t at = strlen(path) - strlen(verbs[i]);
        if (strlen(path) > strlen(verbs[i]) && strcmp(path + at, verbs[i]) == 0) {
            return true;
        }
    }
    return strncmp(path, "/v1/profile/", 12) == 0;
}

// Rules over the whole table, so that a row that forgets one does not pass.
START_TEST(test_every_row_is_whole)
{
    for (int i = 0; i < routes_count(); i++) {
        const struct route *route = route_at(i);
        ck_assert_msg(route->steps && *route->steps, "%s", route->path);
        bool admin = strncmp(route->path, "/v1/admin/", 10) == 0;
        ck_assert_msg(admin == (route->auth == AUTH_OPERATOR), "%s", route->path);
        bool changes = route->method == EVHTTP_REQ_PATCH || route->method == EVHTTP_REQ_PUT;
        bool matches = route->flags & (ROUTE_IF_MATCH | ROUTE_IF_MATCH_KNOWN);
        ck_assert_msg(changes == matches, "%s", route->path);
        if (route->method == EVHTTP_REQ_GET || route->method == EVHTTP_REQ_DELETE) {
            ck_assert_msg(!route->body, "%s", route->path);
        }
        if (route->auth != AUTH_NONE && route->method == EVHTTP_REQ_POST && route->body &&
            !makes_nothing(route->path)) {
            ck_assert_msg(route->flags & ROUTE_IDEMPOTENT, "%s", route->path);
        }
        struct route_match match;
        char path[256];
        const char *hole = strchr(route->path, '{');
        snprintf(path, sizeof(path), "%.*s%s%s", hole ? (int)(hole - route->path) : 200,
                 route->path, hole ? ID : "", hole ? hole + 4 : "");
        route_find(route->method, path, &match);
        ck_assert_msg(match.index == i, "%s is hidden", route->path);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_finds_by_method_and_path,
                                  test_an_id_is_a_uuid_and_nothing_else, test_says_what_is_allowed,
                                  test_every_row_is_whole, NULL};
    return unit_run(unit_suite("routes", tests));
}
