// What mailed links are for: invitations and new passwords (link.h).
#include "link.h"

#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "token.h"

#include <string.h>

enum step_result step_make_link(struct request *request)
{
    struct link link;
    link_make(request->api->access_key, &link);
    json_t *body = json_object_get(request->input, "body");
    json_object_set_new(body, "nonce", json_string(link.nonce));
    json_object_set_new(body, "token_hash", json_string(link.hash));
    return STEP_NEXT;
}

// Staff get no cookie to renew with: what the columns want is thrown away.
enum step_result step_make_session_secrets(struct request *request)
{
    json_t *body = json_object_get(request->input, "body");
    struct token token;
    token_make("", &token);
    json_object_set_new(body, "refresh_hash", json_string(token.hash));
    token_make("", &token);
    json_object_set_new(body, "csrf_hash", json_string(token.hash));
    token_wipe(&token);
    return STEP_NEXT;
}

static void on_answer(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else {
        step_take_answer(request, outcome->rows);
    }
    request->step = NULL;
    request_run(request);
}

static json_t *peer_input(struct request *request)
{
    return json_pack("{s:s, s:s, s:s*}", "peer", edge_peer(request->edge), "request_id",
                     edge_id(request->edge), "token_hash", request->link_hash);
}

// The same for every address: one row is stored, and who is behind it is looked up later.
enum step_result step_reset_request(struct request *request)
{
    struct link link;
    link_make(request->api->access_key, &link);
    json_t *input = peer_input(request);
    json_object_set(input, "email", json_object_get(request->body, "email"));
    json_object_set_new(input, "nonce", json_string(link.nonce));
    json_object_set_new(input, "token_hash", json_string(link.hash));
    return step_login(request, SQL_RESET_REQUEST, input, on_answer);
}

static void on_link(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else {
        const char *found = db_rows_get(outcome->rows, 0, "found");
        const char *known = db_rows_get(outcome->rows, 0, "known");
        request->known = known && *known == 't';
        if (!found || *found != 't') {
            err_at(&request->err, ERR_INVALID, "/token",
                   "The link is unknown, was used or has expired.");
        }
    }
    if (request->err.code != ERR_OK) {
        request->step = NULL;
    }
    request_run(request);
}

// Before a costly hash is made.
static enum step_result find_link(struct request *request, enum sql_id sql)
{
    const char *token = json_get_string(request->body, "token", "");
    char hash[TOKEN_HASH + 1];
    token_hash(token, strlen(token), hash);
    request->link_hash = arena_string(&request->arena, hash);
    request->sql = sql;
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = sql, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {hash}}},
    };
    return step_run(request, &db_request, on_link);
}

enum step_result step_reset_find(struct request *request)
{
    return find_link(request, SQL_RESET_FIND);
}

enum step_result step_reset_confirm(struct request *request)
{
    json_t *input = peer_input(request);
    json_object_set_new(input, "password_hash", json_string(request->new_hash));
    return step_login(request, SQL_RESET_CONFIRM, input, on_answer);
}

enum step_result step_invitation_find(struct request *request)
{
    return find_link(request, SQL_INVITATION_FIND);
}

// Who is signed in accepts as that person; who is not becomes a new one, with a password.
enum step_result step_invitee(struct request *request)
{
    if (edge_header(request->edge, "Authorization")) {
        if (auth_read(request, &request->err) < 0) {
            return STEP_DONE;
        }
        if (request->credentials.kind != CREDENTIALS_SESSION) {
            err_set(&request->err, ERR_FORBIDDEN, "A person accepts, not a token.");
            return STEP_DONE;
        }
        return STEP_NEXT;
    }
    if (request->known) {
        err_set(&request->err, ERR_CONFLICT,
                "There is a user with this address: sign in, then accept.");
        return STEP_DONE;
    }
    if (!json_object_get(request->body, "password")) {
        err_at(&request->err, ERR_INVALID, "/password", "A new user needs a password.");
        return STEP_DONE;
    }
    return step_hash_password(request);
}

enum step_result step_invitation_accept(struct request *request)
{
    json_t *input = peer_input(request);
    if (request->credentials.kind == CREDENTIALS_SESSION) {
        json_object_set_new(input, "session", json_string(request->credentials.key));
    } else {
        json_object_set_new(input, "password_hash", json_string(request->new_hash));
        json_object_set_new(input, "name", json_string(json_get_string(request->body, "name", "")));
    }
    return step_login(request, SQL_INVITATION_ACCEPT, input, on_answer);
}
