// Sign-in of people. Whether an address is known, and whether a password is right, must not show in what is answered nor in how
// long it takes. An attempt is counted before the password is looked at (migrations/functions/21-sessions.sql).
#include "api_private.h"
#include "json.h"
#include "log.h"
#include "macro.h"
#include "steps.h"
#include "steps_session.h"
#include "steps_table.h"
#include "token.h"
#include "totp.h"

#include <string.h>
#include <time.h>

enum { DEVICE_S = 365 * 86400 };

enum step_result step_limit_signin(struct request *request)
{
    return step_limit(request, request->api->signins, edge_network(request->edge));
}

const char *step_open_totp(struct request *request, const char *sealed)
{
    const char *purpose = arena_print(&request->arena, SECRET_TOTP "%s", request->user);
    _cleanup_free_ char *text = NULL;
    struct err err = {0};
    if (!sealed) {
        return NULL;
    }
    if (secret_open(request->api->secrets, purpose, sealed, &text, &err) < 0) {
        log_error("secret_unreadable", "request=%s user=%s error=%s", edge_id(request->edge),
                  request->user, LOGQ(err.text));
        err_set(&request->err, ERR_INTERNAL, "The second factor cannot be read.");
        return NULL;
    }
    return arena_string(&request->arena, text);
}

void step_take_credentials(struct request *request, const struct db_rows *rows)
{
    struct arena *arena = &request->arena;
    request->user = arena_string(arena, db_rows_get(rows, 0, "user_id"));
    request->hash = arena_string(arena, db_rows_get(rows, 0, "password_hash"));
    request->totp = step_open_totp(request, db_rows_get(rows, 0, "totp_secret"));
    const char *wait_s = db_rows_get(rows, 0, "wait_s");
    request->retry_after_s = wait_s ? atoi(wait_s) : 0;
    if (request->retry_after_s > 0) {
        err_set(&request->err, ERR_RATE_LIMITED, "Too many attempts: try again in %d s.",
                request->retry_after_s);
    }
}

static void on_credentials(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else {
        step_take_credentials(request, outcome->rows);
        const char *known = db_rows_get(outcome->rows, 0, "known");
        request->known = known && *known == 't';
    }
    if (request->err.code != ERR_OK) {
        request->step = NULL;
    }
    request_run(request);
}

enum step_result step_signin_find(struct request *request)
{
    const char *device = session_read_cookie(request, DEVICE_COOKIE);
    if (*device) {
        char hash[TOKEN_HASH + 1];
        token_hash(device, strlen(device), hash);
        request->device_hash = arena_string(&request->arena, hash);
    }
    json_t *input =
        json_pack("{s:s, s:s, s:s*}", "email", json_get_string(request->body, "email", ""),
                  "network", edge_network(request->edge), "device_hash", request->device_hash);
    return step_login(request, SQL_USER_CREDENTIALS, input, on_credentials);
}

static void on_verified(const struct password_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->password_job = NULL;
    request->right = outcome->right && request->user;
    request_run(request);
}

enum step_result step_verify_password(struct request *request)
{
    const char *password = json_get_string(request->body, "password", "");
    if (password_verify(request->api->passwords, request->hash, password, on_verified, request,
                        &request->password_job, &request->err) < 0) {
        return STEP_DONE;
    }
    return STEP_WAIT;
}

json_t *step_code(const struct request *request, const char *code)
{
    int64_t step;
    if (!code || !*code) {
        return json_null();
    }
    if (request->totp && totp_check(request->totp, code, time(NULL), &step)) {
        return json_pack("{s:I}", "totp_step", (json_int_t)step);
    }
    char hash[TOKEN_HASH + 1];
    recovery_hash(code, hash);
    return json_pack("{s:s}", "recovery_hash", hash);
}

// A device that is not known yet gets a name, which counts once the session is there.
static void name_device(struct request *request)
{
    if (request->known) {
        return;
    }
    struct token device;
    token_make("", &device);
    request->device_hash = arena_string(&request->arena, device.hash);
    session_cookie(request, DEVICE_COOKIE, device.text, DEVICE_S);
    token_wipe(&device);
}

static json_t *session_input(struct request *request, const struct token *refresh,
                             const struct token *csrf)
{
    const char *agent = edge_header(request->edge, "User-Agent");
    json_t *user_agent = agent ? json_string(agent) : NULL; // not UTF-8: left out
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:b, s:o, s:o*}", "user_id", request->user,
        "password_hash", request->hash, "refresh_hash", refresh->hash, "csrf_hash", csrf->hash,
        "expires_in", (json_int_t)request->api->config->timing.session_s, "peer",
        edge_peer(request->edge), "network", edge_network(request->edge), "request_id",
        edge_id(request->edge), "device_hash", request->device_hash, "known", request->known,
        "code", step_code(request, json_get_string(request->body, "code", NULL)), "user_agent",
        user_agent);
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
    request->csrf = arena_string(&request->arena, csrf.text);
    session_cookie(request, SESSION_COOKIE, refresh.text, request->api->config->timing.session_s);
    name_device(request);
    json_t *input = session_input(request, &refresh, &csrf);
    token_wipe(&refresh);
    token_wipe(&csrf);
    return session_run(request, SQL_SESSION_CREATE, input);
}
