// Payment providers: their secrets, and what they say. A notice counts only if it is signed as Standard Webhooks say, now, by the
// provider that its address names; the database takes each one once.
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"
#include "webhook_target.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECRET_MAX = 80, TOLERANCE_S = 300, ID_MAX = 200, DIGITS_MAX = 15 };

enum step_result step_make_payment_secret(struct request *request)
{
    char secret[SECRET_MAX];
    json_t *body = json_object_get(request->input, "body");
    webhook_make_secret(secret, sizeof(secret));
    _cleanup_free_ char *sealed = secret_seal(request->api->secrets, SECRET_PAYMENT, secret);
    json_object_set_new(body, "secret", json_string(secret));
    json_object_set_new(body, "sealed", json_string(sealed));
    sodium_memzero(secret, sizeof(secret));
    return STEP_NEXT;
}

static bool is_now(const char *timestamp)
{
    size_t len = strlen(timestamp);
    if (len == 0 || len > DIGITS_MAX || strspn(timestamp, "0123456789") != len) {
        return false;
    }
    long long off = strtoll(timestamp, NULL, 10) - (long long)time(NULL);
    return off >= -TOLERANCE_S && off <= TOLERANCE_S;
}

// Whether one of the signatures, with spaces between, is this one; takes as long whichever differs.
static bool is_among(const char *given, const char *signature)
{
    bool found = false;
    size_t want = strlen(signature);
    while (*given) {
        size_t len = strcspn(given, " ");
        found |= len == want && sodium_memcmp(given, signature, want) == 0;
        given += len + strspn(given + len, " ");
    }
    return found;
}

static int check_notice(struct request *request, const char *sealed, struct err *err)
{
    const char *id = edge_header(request->edge, "webhook-id");
    const char *timestamp = edge_header(request->edge, "webhook-timestamp");
    const char *given = edge_header(request->edge, "webhook-signature");
    char signature[SIGNATURE_MAX];
    _cleanup_free_ char *secret = NULL;
    size_t len;
    const char *body = edge_body(request->edge, &len);
    if (!id || !*id || strlen(id) > ID_MAX || !timestamp || !given || !is_now(timestamp)) {
        return err_set(err, ERR_FORBIDDEN, "The message is not signed, or not now.");
    }
    int r = secret_open(request->api->secrets, SECRET_PAYMENT, sealed, &secret, err);
    if (r < 0) {
        return err_set(err, ERR_INTERNAL, "the secret of the provider does not open");
    }
    r = webhook_sign(secret, id, timestamp, arena_print(&request->arena, "%.*s", (int)len, body),
                     signature, err);
    sodium_memzero(secret, strlen(secret));
    if (r < 0) {
        return r;
    }
    return is_among(given, signature)
               ? 0
               : err_set(err, ERR_FORBIDDEN, "The signature is not the provider's.");
}

static void on_secret(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome);
    } else if (db_rows_count(outcome->rows) == 0) {
        err_set(&request->err, ERR_NOT_FOUND, "There is no such thing here.");
    } else {
        // What it did not sign, it did not say.
        (void)!check_notice(request, db_rows_get(outcome->rows, 0, "secret"), &request->err);
    }
    if (request->err.code != ERR_OK) {
        request->step = NULL;
    }
    request_run(request);
}

enum step_result step_notice_find(struct request *request)
{
    request->sql = SQL_PAYMENT_SECRET;
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = SQL_PAYMENT_SECRET,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {request->id}}},
    };
    return step_run(request, &db_request, on_secret);
}

static void on_taken(const struct db_outcome *outcome, void *arg)
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

enum step_result step_notice_take(struct request *request)
{
    json_t *input =
        json_pack("{s:s, s:s, s:O, s:s, s:s}", "provider_id", request->id, "message_id",
                  edge_header(request->edge, "webhook-id"), "body", request->body, "peer",
                  edge_peer(request->edge), "request_id", edge_id(request->edge));
    if (!input) {
        err_set(&request->err, ERR_MALFORMED, "The webhook-id is no text.");
        return STEP_DONE;
    }
    return step_login(request, SQL_PAYMENT_NOTICE, input, on_taken);
}
