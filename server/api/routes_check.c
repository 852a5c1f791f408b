// Run at every build (meson.build): fails it for a route without a rule who may use it, and prints the table of
// routes as JSON, from which the tests make every combination of route, role and id (tests/system/api/matrix.test.ts).
#include "macro.h"
#include "routes.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

// What scopes are about; migrations/functions/20-auth.sql refuses tokens with others (croft_scope_resources()).
static const char *const resources[] = {
    "any",     "billing", "catalogue", "console", "events",   "images",
    "members", "network", "nodes",     "profile", "quotas",   "snapshots",
    "tasks",   "tenants", "tokens",    "vps",     "webhooks",
};

static bool is_scope(const char *scope)
{
    const char *action = strchr(scope, ':');
    if (!action || (strcmp(action, ":read") != 0 && strcmp(action, ":write") != 0)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(resources); i++) {
        if (strlen(resources[i]) == (size_t)(action - scope) &&
            strncmp(resources[i], scope, strlen(resources[i])) == 0) {
            return true;
        }
    }
    return false;
}

// What staff who act as a customer may not change: what decides who gets in, who is told, and what others may have.
static bool is_own(const struct route *route)
{
    static const char *const own[] = {"catalogue:write", "members:write", "profile:write",
                                      "quotas:write",    "tenants:write", "tokens:write",
                                      "webhooks:write"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(route->scope, own[i]) == 0) {
            return true;
        }
    }
    return false;
}

// What is wrong with the row; NULL: nothing.
static const char *complaint(const struct route *route)
{
    bool for_staff = route->roles == ROLE_OPERATOR;
    if (route->auth == AUTH_NONE) {
        return route->scope || route->roles ? "a route for everybody has no scope and no roles"
                                            : NULL;
    }
    if (!route->scope || !is_scope(route->scope)) {
        return "its scope is missing or not of a known resource";
    }
    if (!route->roles) {
        return "it does not say which roles may use it";
    }
    if (for_staff != (route->auth == AUTH_OPERATOR) ||
        (route->roles & ROLE_OPERATOR && !for_staff)) {
        return "its roles are not of its surface";
    }
    if (route->auth == AUTH_TENANT && is_own(route) == !!(route->roles & ROLE_VISITOR)) {
        return "staff who act as a customer may use it, or may not, against the rule";
    }
    if (route->method == EVHTTP_REQ_GET && !route_reads(route)) {
        return "a GET changes nothing";
    }
    return NULL;
}

static json_t *roles_of(const struct route *route)
{
    char names[ROUTE_ROLES_MAX];
    json_t *roles = json_array();
    route_role_names(route->roles, names, sizeof(names));
    char *rest = names, *name;
    while ((name = strsep(&rest, ",")) && *name) {
        json_array_append_new(roles, json_string(name));
    }
    return roles;
}

static json_t *row_of(const struct route *route)
{
    static const char *const auth[] = {
        [AUTH_NONE] = "none", [AUTH_TENANT] = "tenant", [AUTH_OPERATOR] = "operator"};
    return json_pack(
        "{s:s, s:s, s:s, s:s?, s:o, s:b, s:b, s:b}", "method", route_method_name(route->method),
        "path", route->path, "auth", auth[route->auth], "scope", route->scope, "roles",
        roles_of(route), "takes_body", route->body != NULL, "if_match",
        !!(route->flags & ROUTE_IF_MATCH), "idempotent", !!(route->flags & ROUTE_IDEMPOTENT));
}

// docs/routes.md.
static void print_table(void)
{
    printf("# Who may use which endpoint\n\n"
           "Made from the table of routes by `server/routes_check --table` in the build folder; a "
           "test compares. "
           "[api.md](api.md) says what scopes and roles are.\n\n"
           "Staff signed in as a customer may what the customer's role may, but where it says \"in "
           "person\".\n\n"
           "| method and path | scope | roles |\n| --- | --- | --- |\n");
    for (int i = 0; i < routes_count(); i++) {
        const struct route *route = route_at(i);
        char names[ROUTE_ROLES_MAX];
        bool in_person = route->auth == AUTH_TENANT && !(route->roles & ROLE_VISITOR);
        route_role_names(route->roles & ~(unsigned)ROLE_VISITOR, names, sizeof(names));
        printf("| %s %s | %s | %s%s |\n", route_method_name(route->method), route->path,
               route->scope ? route->scope : "-", route->auth == AUTH_NONE ? "everybody" : names,
               in_person ? ", in person" : "");
    }
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc > 1 && strcmp(argv[1], "--table") == 0) {
        print_table();
        return 0;
    }
    json_t *table = json_array();
    for (int i = 0; i < routes_count(); i++) {
        const struct route *route = route_at(i);
        const char *wrong = complaint(route);
        if (wrong) {
            fprintf(stderr, "routes.c: %s %s: %s\n", route_method_name(route->method), route->path,
                    wrong);
            bad++;
        }
        json_array_append_new(table, row_of(route));
    }
    json_dumpf(table, stdout, JSON_INDENT(1));
    json_decref(table);
    return bad ? 1 : 0;
}
