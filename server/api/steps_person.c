// What a person changes about its own way in: password and second factor. It shows who it is again, and each try counts as an
// attempt to sign in (croft_profile_credentials()).
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "totp.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

static void on_person(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else {
        struct arena *arena = &request->arena;
        step_take_credentials(request, outcome->rows);
        request->email = arena_string(arena, db_rows_get(outcome->rows, 0, "email"));
        request->totp_sealed = arena_string(arena, db_rows_get(outcome->rows, 0, "totp_pending"));
        request->totp_pending = step_open_totp(request, request->totp_sealed);
    }
    if (request->err.code != ERR_OK) {
        request->step = NULL;
    }
    request_run(request);
}

enum step_result step_person_find(struct request *request)
{
    if (request->credentials.kind != CREDENTIALS_SESSION) {
        err_set(&request->err, ERR_FORBIDDEN,
                "This needs a session of the person itself: sign in.");
        return step_refuse(request);
    }
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = SQL_PROFILE_CREDENTIALS,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {request->credentials.key}}},
    };
    return step_run(request, &db_request, on_person);
}

enum step_result step_person_right(struct request *request)
{
    if (!request->right) {
        err_at(&request->err, ERR_FORBIDDEN, "/password", "The password is wrong.");
        return STEP_DONE;
    }
    return STEP_NEXT;
}

static void set_body(struct request *request, json_t *body)
{
    json_object_set_new(request->input, "body", body);
}

enum step_result step_put_new_password(struct request *request)
{
    set_body(request, json_pack("{s:s, s:s}", "verified_hash", request->hash, "password_hash",
                                request->new_hash));
    return STEP_NEXT;
}

enum step_result step_totp_make(struct request *request)
{
    struct totp_secret secret;
    totp_make(&secret);
    _cleanup_free_ char *uri = totp_uri(&secret, request->email);
    const char *purpose = arena_print(&request->arena, SECRET_TOTP "%s", request->user);
    _cleanup_free_ char *sealed = secret_seal(request->api->secrets, purpose, secret.hex);
    set_body(request, json_pack("{s:s, s:s, s:s}", "sealed", sealed, "secret_text", secret.text,
                                "uri", uri));
    sodium_memzero(&secret, sizeof(secret));
    return STEP_NEXT;
}

static json_t *make_recovery_codes(json_t *hashes)
{
    json_t *codes = json_array();
    for (int i = 0; i < RECOVERY_CODES; i++) {
        struct recovery_code code;
        recovery_make(&code);
        json_array_append_new(codes, json_string(code.text));
        json_array_append_new(hashes, json_string(code.hash));
        sodium_memzero(&code, sizeof(code));
    }
    return codes;
}

enum step_result step_totp_confirm(struct request *request)
{
    int64_t step;
    if (!request->totp_pending) {
        err_set(&request->err, ERR_NOT_FOUND, "There is no second factor to be confirmed.");
        return STEP_DONE;
    }
    if (!totp_check(request->totp_pending, json_get_string(request->body, "code", ""), time(NULL),
                    &step)) {
        err_at(&request->err, ERR_INVALID, "/code", "The code is wrong.");
        return STEP_DONE;
    }
    json_t *hashes = json_array();
    json_t *codes = make_recovery_codes(hashes);
    set_body(request, json_pack("{s:s, s:I, s:o, s:o}", "sealed", request->totp_sealed, "totp_step",
                                (json_int_t)step, "code_hashes", hashes, "recovery_codes", codes));
    return STEP_NEXT;
}

enum step_result step_totp_code(struct request *request)
{
    json_object_set_new(request->input, "code",
                        step_code(request, edge_header(request->edge, "Croft-Code")));
    return STEP_NEXT;
}
