// The session itself: its cookie, its access token, refresh and sign-out. steps_signin.c makes one.
#include "steps_session.h"

#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "token.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum { IMPERSONATION_S = 900 }; // as croft_admin_impersonation_create() has it

#define COOKIE_PATH "/v1/sessions"

// Whether browsers come by https, here or at a proxy before us.
static bool over_tls(const struct request *request)
{
    return request->api->tls ||
           strncasecmp(request->api->config->api.public_url, "https://", strlen("https://")) == 0;
}

void session_cookie(struct request *request, const char *name, const char *value, int64_t max_age_s)
{
    const char **cookies = request->answer.cookies;
    cookies[cookies[0] ? 1 : 0] = arena_print(
        &request->arena, "%s=%s; Path=" COOKIE_PATH "; Max-Age=%lld; HttpOnly; SameSite=Strict%s",
        name, value, (long long)max_age_s, over_tls(request) ? "; Secure" : "");
}

// An answer of the database, to which step_session_answer adds what only we know.
static void on_session(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else {
        step_take_answer(request, outcome->rows);
    }
    if (request->err.code != ERR_OK) {
        request->answer.cookies[0] = request->answer.cookies[1] = NULL;
        request->step = NULL;
    }
    request_run(request);
}

enum step_result session_run(struct request *request, enum sql_id sql, json_t *input)
{
    return step_login(request, sql, input, on_session);
}

const char *session_read_cookie(struct request *request, const char *name)
{
    const char *at = edge_header(request->edge, "Cookie");
    size_t name_len = strlen(name);
    while (at && *at) {
        at += strspn(at, " ;");
        if (strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            at += name_len + 1;
            size_t len = strcspn(at, "; ");
            return len == TOKEN_SECRET ? arena_copy(&request->arena, at, len) : "";
        }
        at += strcspn(at, ";");
    }
    return "";
}

enum step_result step_refresh(struct request *request)
{
    const char *cookie = session_read_cookie(request, SESSION_COOKIE);
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
    session_cookie(request, SESSION_COOKIE, cookie, request->api->config->timing.session_s);
    return session_run(request, SQL_SESSION_REFRESH,
                       json_pack("{s:s, s:s, s:s}", "refresh_hash", refresh_hash, "csrf_hash",
                                 csrf_hash, "peer", edge_peer(request->edge)));
}

// Lives as configured; the token of staff who act for somebody, which nothing renews, as long as its session.
static int make_access_token(struct request *request, const json_t *session, char **ret_text,
                             struct err *err)
{
    struct access_claims claims = {.issued_at = time(NULL)};
    int64_t life_s = json_get_int(request->body, "expires_in", IMPERSONATION_S);
    claims.expires_at =
        claims.issued_at +
        (request->route->auth == AUTH_OPERATOR ? life_s : request->api->config->timing.access_s);
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
    if (request->csrf) {
        json_object_set_new(session, "csrf_token", json_string(request->csrf));
    }
    _cleanup_free_ char *text = json_write(session);
    request->answer.body = arena_string(&request->arena, text);
    request->answer.body_len = strlen(text);
    return STEP_DONE;
}

enum step_result step_signout_cookie(struct request *request)
{
    if (request->err.code == ERR_OK) {
        session_cookie(request, SESSION_COOKIE, "", 0);
    }
    return STEP_DONE;
}
