// Sign-in, refresh and sign-out of people. Whether an address is known, and whether a password is right,
// must not show in what is answered nor in how long it takes.
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "token.h"

#include <string.h>
#include <time.h>

#define COOKIE_NAME "croft_session"
#define COOKIE_PATH "/v1/sessions"

enum step_result step_limit_signin(struct request *request)
{
    return step_limit(request, request->api->signins, edge_network(request->edge));
}

static void on_credentials(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
        request->step = NULL;
    } else if (db_rows_count(outcome->rows) > 0) {
        request->user = arena_string(&request->arena, db_rows_get(outcome->rows, 0, "user_id"));
        request->hash =
            arena_string(&request->arena, db_rows_get(outcome->rows, 0, "password_hash"));
    }
    request_run(request);
}

enum step_result step_signin_find(struct request *request)
{
    request->sql = SQL_USER_CREDENTIALS;
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = SQL_USER_CREDENTIALS,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {json_get_string(request->body, "email", "")}}},
    };
    return step_run(request, &db_request, on_credentials);
}

static void on_verified(const struct password_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->password_job = NULL;
    request->right = outcome->right && request->user;
    request_run(request);
}

enum step_result step_signin_verify(struct request *request)
{
    const char *password = json_get_string(request->body, "password", "");
    if (password_verify(request->api->passwords, request->hash, password, on_verified, request,
                        &request->password_job, &request->err) < 0) {
        return STEP_DONE;
    }
    return STEP_WAIT;
}

static void set_cookie(struct request *request, const char *value, int64_t max_age_s)
{
    request->answer.cookie = arena_print(
        &request->arena,
        COOKIE_NAME "=%s; Path=" COOKIE_PATH "; Max-Age=%lld; HttpOnly; SameSite=Strict%s", value,
        (long long)max_age_s, request->api->tls ? "; Secure" : "");
}

// An answer of the database, to which step_session_answer adds what only we know.
static void on_session(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
        request->step = NULL;
    } else {
        const char *status = db_rows_get(outcome->rows, 0, "status");
        request->answer.status = status ? atoi(status) : 0;
        request->answer.body = arena_string(&request->arena, db_rows_get(outcome->rows, 0, "body"));
    }
    request_run(request);
}

static enum step_result run_session(struct request *request, enum sql_id sql, json_t *input)
{
    _cleanup_free_ char *text = json_write(input);
    json_decref(input);
    request->sql = sql;
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = sql, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
    };
    return step_run(request, &db_request, on_session);
}

enum step_result step_signin_create(struct request *request)
{
    if (!request->right) {
        err_set(&request->err, ERR_UNAUTHENTICATED, "The email or the password is wrong.");
        return STEP_DONE;
    }
    struct token refresh, csrf;
    token_make("", &refresh);
    token_make("", &csrf);
    int64_t session_s = request->api->config->timing.session_s;
    request->csrf = arena_string(&request->arena, csrf.text);
    const char *cookie = arena_string(&request->arena, refresh.text);
    const char *agent = edge_header(request->edge, "User-Agent");
    json_t *user_agent = agent ? json_string(agent) : NULL; // not UTF-8: left out
    json_t *input = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:o*}", "user_id", request->user,
                              "refresh_hash", refresh.hash, "csrf_hash", csrf.hash, "expires_in",
                              (json_int_t)session_s, "peer", edge_peer(request->edge), "request_id",
                              edge_id(request->edge), "user_agent", user_agent);
    set_cookie(request, cookie, session_s);
    token_wipe(&refresh);
    token_wipe(&csrf);
    return run_session(request, SQL_SESSION_CREATE, input);
}

// The value of our cookie; empty if it is not there or is no secret of ours.
static const char *read_cookie(struct request *request)
{
    const char *at = edge_header(request->edge, "Cookie");
    while (at && *at) {
        at += strspn(at, " ;");
        if (strncmp(at, COOKIE_NAME "=", strlen(COOKIE_NAME) + 1) == 0) {
            at += strlen(COOKIE_NAME) + 1;
            size_t len = strcspn(at, "; ");
            return len == TOKEN_SECRET ? arena_copy(&request->arena, at, len) : "";
        }
        at += strcspn(at, ";");
    }
    return "";
}

enum step_result step_refresh(struct request *request)
{
    const char *cookie = read_cookie(request);
    const char *csrf = edge_header(request->edge, "X-CSRF-Token");
    if (!*cookie) {
        err_set(&request->err, ERR_UNAUTHENTICATED, "There is no session: sign in.");
        return STEP_DONE;
    }
    if (!csrf || strlen(csrf) != TOKEN_SECRET) {
        err_set(&request->err, ERR_FORBIDDEN, "The X-CSRF-Token header is missing or wrong.");
        return STEP_DONE;
    }
    char refresh_hash[TOKEN_HASH + 1], csrf_hash[TOKEN_HASH + 1];
    token_hash(cookie, strlen(cookie), refresh_hash);
    token_hash(csrf, strlen(csrf), csrf_hash);
    request->csrf = arena_string(&request->arena, csrf);
    set_cookie(request, cookie, request->api->config->timing.session_s);
    return run_session(request, SQL_SESSION_REFRESH,
                       json_pack("{s:s, s:s, s:s}", "refresh_hash", refresh_hash, "csrf_hash",
                                 csrf_hash, "peer", edge_peer(request->edge)));
}

static int make_access_token(struct request *request, const json_t *session, char **ret_text,
                             struct err *err)
{
    struct access_claims claims = {.issued_at = time(NULL)};
    claims.expires_at = claims.issued_at + request->api->config->timing.access_s;
    snprintf(claims.session, sizeof(claims.session), "%s", json_get_string(session, "id", ""));
    snprintf(claims.user, sizeof(claims.user), "%s",
             json_get_string(json_object_get(session, "user"), "id", ""));
    return access_token_make(request->api->access_key, &claims, ret_text, err);
}

enum step_result step_session_answer(struct request *request)
{
    const char *body = request->answer.body ? request->answer.body : "";
    _cleanup_json_ json_t *session = NULL;
    _cleanup_free_ char *access = NULL;
    if (json_read(body, strlen(body), JSON_DEPTH_MAX, &session, &request->err) < 0 ||
        make_access_token(request, session, &access, &request->err) < 0) {
        request->err.code = ERR_INTERNAL; // the database's answer, not the client's
        return STEP_DONE;
    }
    json_object_set_new(session, "access_token", json_string(access));
    json_object_set_new(session, "token_type", json_string("Bearer"));
    json_object_set_new(session, "csrf_token", json_string(request->csrf));
    _cleanup_free_ char *text = json_write(session);
    request->answer.body = arena_string(&request->arena, text);
    request->answer.body_len = strlen(text);
    return STEP_DONE;
}

enum step_result step_signout_cookie(struct request *request)
{
    if (request->err.code == ERR_OK) {
        set_cookie(request, "", 0);
    }
    return STEP_DONE;
}
