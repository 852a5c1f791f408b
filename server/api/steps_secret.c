// Secrets are made or hashed here, before the statement: the database sees hashes only, apart from a
// fresh token's text, which it puts into the one answer that shows it.
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "token.h"

#include <string.h>

enum { MADE_PASSWORD_LEN = 24 }; // base64url: 144 bits

static json_t *body_of(struct request *request)
{
    return json_object_get(request->input, "body");
}

static void put_token(struct request *request, const struct token *token, const char *shown)
{
    json_t *body = body_of(request);
    json_object_set_new(body, "token_hash", json_string(token->hash));
    json_object_set_new(body, "token_prefix", json_string(token->shown));
    json_object_set_new(body, "token", json_string(shown));
}

enum step_result step_make_token(struct request *request)
{
    struct token token;
    token_make("croft_", &token);
    put_token(request, &token, token.text);
    token_wipe(&token);
    return STEP_NEXT;
}

// The CA's fingerprint behind the dot lets the new node recognise the server it joins.
enum step_result step_make_join_token(struct request *request)
{
    struct token token;
    token_make("croft_join_", &token);
    put_token(request, &token,
              arena_print(&request->arena, "%s.%s", token.text, request->api->ca_sha256));
    token_wipe(&token);
    return STEP_NEXT;
}

// The field that holds the password to be stored.
static const char *name_of(struct request *request)
{
    return json_object_get(body_of(request), "new_password") ? "new_password" : "password";
}

static void on_hashed(const struct password_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->password_job = NULL;
    if (outcome->hash) {
        request->new_hash = arena_string(&request->arena, outcome->hash);
    } else {
        request->err = *outcome->err;
        if (request->err.pointer[0]) {
            snprintf(request->err.pointer, sizeof(request->err.pointer), "/%s", name_of(request));
        }
        request->step = NULL;
    }
    request_run(request);
}

enum step_result step_hash_password(struct request *request)
{
    const char *password = json_get_string(body_of(request), name_of(request), "");
    if (password_hash(request->api->passwords, password, on_hashed, request, &request->password_job,
                      &request->err) < 0) {
        return STEP_DONE;
    }
    return STEP_WAIT;
}

enum step_result step_put_password(struct request *request)
{
    json_t *body = body_of(request);
    json_object_del(body, "password");
    json_object_set_new(body, "password_hash", json_string(request->new_hash));
    return STEP_NEXT;
}

// As made here, for the one answer that shows it, and hashed the way guests read it.
enum step_result step_make_vps_password(struct request *request)
{
    if (!body_of(request)) {
        json_object_set_new(request->input, "body", json_object());
    }
    json_t *body = body_of(request);
    const char *password = json_get_string(body, "password", NULL);
    if (!password) {
        struct token token;
        token_make("", &token);
        json_t *made = json_stringn(token.text, MADE_PASSWORD_LEN);
        json_object_set(body, "shown", made);
        json_object_set_new(body, "password", made);
        token_wipe(&token);
        password = json_get_string(body, "password", "");
    }
    if (password_hash_crypt(request->api->passwords, password, on_hashed, request,
                            &request->password_job, &request->err) < 0) {
        return STEP_DONE;
    }
    return STEP_WAIT;
}
