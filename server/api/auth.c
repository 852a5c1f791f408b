#include "auth.h"

#include "api_private.h"
#include "macro.h"
#include "token.h"
#include "uuid.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TOKEN_PREFIX "croft_"

enum { BEARER_MAX = 4096, NOTE_DEADLINE_MS = 5000 };

static int read_token(struct request *request, const char *text, struct err *err)
{
    struct credentials *credentials = &request->credentials;
    if (strlen(text) >= TOKEN_MAX) {
        return err_set(err, ERR_UNAUTHENTICATED, "The token is not valid.");
    }
    credentials->kind = CREDENTIALS_TOKEN;
    token_hash(text, strlen(text), credentials->key);
    snprintf(credentials->name, sizeof(credentials->name), "token:%.12s", credentials->key);
    return 0;
}

static int read_access_token(struct request *request, const char *text, struct err *err)
{
    struct access_claims claims;
    int r = access_token_check(request->api->access_key, text, time(NULL), &claims, err);
    if (r < 0) {
        return r;
    }
    struct credentials *credentials = &request->credentials;
    credentials->kind = CREDENTIALS_SESSION;
    snprintf(credentials->key, sizeof(credentials->key), "%s", claims.session);
    snprintf(credentials->user, sizeof(credentials->user), "%s", claims.user);
    snprintf(credentials->name, sizeof(credentials->name), "session:%s", claims.session);
    return 0;
}

int auth_read(struct request *request, struct err *err)
{
    const char *header = edge_header(request->edge, "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0 || strlen(header) > BEARER_MAX) {
        return err_set(err, ERR_UNAUTHENTICATED, "Send a token: Authorization: Bearer …");
    }
    const char *text = header + 7;
    return strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0
               ? read_token(request, text, err)
               : read_access_token(request, text, err);
}

// Headers that a statement casts or stores: what is malformed counts as absent or is refused before.
static const char *trace_of(const struct request *request)
{
    const char *trace = edge_header(request->edge, "traceparent");
    if (!trace || strlen(trace) != 55 || strspn(trace, "0123456789abcdef-") != 55) {
        return NULL;
    }
    return trace;
}

bool auth_is_quick(const struct request *request)
{
    return request->credentials.kind == CREDENTIALS_TOKEN && !request->entered_in_full &&
           request->route->auth == AUTH_TENANT && request->route->method == EVHTTP_REQ_GET &&
           route_reads(request->route) &&
           !edge_header(request->edge, "Croft-Tenant"); // it may name a tenant to act as
}

// The roles that may, as a PostgreSQL array.
static const char *roles_of(struct request *request)
{
    char names[ROUTE_ROLES_MAX];
    route_role_names(request->route->roles, names, sizeof(names));
    return arena_print(&request->arena, "{%s}", names);
}

static void full_step(struct request *request, struct db_step *ret_step)
{
    bool session = request->credentials.kind == CREDENTIALS_SESSION;
    const char *tenant = edge_header(request->edge, "Croft-Tenant");
    *ret_step = (struct db_step){
        .sql = session ? SQL_AUTH_SESSION : SQL_AUTH_TOKEN,
        .role = DB_ROLE_LOGIN,
        .param_count = session ? 9 : 8,
        .params = {request->credentials.key,
                   request->route->auth == AUTH_OPERATOR ? "operator" : "tenant",
                   tenant && uuid_is(tenant) ? tenant : NULL, request->route->scope,
                   edge_peer(request->edge), edge_id(request->edge), trace_of(request),
                   roles_of(request), request->credentials.user},
    };
}

void auth_step(struct request *request, struct db_step *ret_step)
{
    if (!auth_is_quick(request)) {
        full_step(request, ret_step);
        return;
    }
    *ret_step = (struct db_step){
        .sql = SQL_TOKEN_ENTER,
        .role = DB_ROLE_LOGIN,
        .param_count = 5,
        .params = {request->credentials.key, edge_header(request->edge, "Croft-Tenant"),
                   request->route->scope, roles_of(request), edge_peer(request->edge)},
    };
}

static void ignore(const struct db_outcome *outcome, void *arg)
{
}

void auth_note_use(struct request *request, const struct db_rows *entered)
{
    const char *stale = auth_is_quick(request) ? db_rows_get(entered, 0, "stale") : NULL;
    if (stale && *stale == 't') {
        struct db_request db_request = {.deadline_ms = NOTE_DEADLINE_MS, .step_count = 1};
        full_step(request, &db_request.steps[0]);
        struct err err;
        (void)!db_run(request->api->db, &db_request, ignore, NULL, NULL,
                      &err); // or the next one does
    }
}

void auth_who(const struct db_rows *entered, struct revocation_who *ret_who)
{
    const char *valid_s = db_rows_get(entered, 0, "valid_s");
    *ret_who = (struct revocation_who){
        .token = db_rows_get(entered, 0, "token_id"),
        .session = db_rows_get(entered, 0, "session_id"),
        .user = db_rows_get(entered, 0, "user_id"),
        .tenant = db_rows_get(entered, 0, "tenant_id"),
        .valid_s = valid_s ? atoi(valid_s) : 0,
    };
}

enum db_role auth_role(const struct request *request)
{
    switch (request->route->auth) {
    case AUTH_TENANT:
        return DB_ROLE_TENANT;
    case AUTH_OPERATOR:
        return DB_ROLE_OPERATOR;
    default:
        return DB_ROLE_LOGIN;
    }
}
