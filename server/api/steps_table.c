#include "steps_table.h"

#include "api_private.h"
#include "bodies.h"
#include "json.h"
#include "log.h"
#include "macro.h"
#include "steps.h"
#include "token.h"

#include <string.h>
#include <strings.h>

enum { IDEMPOTENCY_KEY_MAX = 255, ETAG_MAX = 128 };

// ---- Limits and credentials

enum step_result step_limit(struct request *request, struct limiter *limiter, const char *key)
{
    int wait_s = limiter_take(limiter, key, api_now_us() / 1000);
    if (wait_s == 0) {
        return STEP_NEXT;
    }
    request->retry_after_s = wait_s;
    err_set(&request->err, ERR_RATE_LIMITED, "Too many requests: try again in %d s.", wait_s);
    return STEP_DONE;
}

enum step_result step_limit_address(struct request *request)
{
    return step_limit(request, request->api->by_address, edge_network(request->edge));
}

enum step_result step_credentials(struct request *request)
{
    if (auth_read(request, &request->err) < 0) {
        return STEP_DONE;
    }
    const char *tenant = edge_header(request->edge, "Croft-Tenant");
    if (tenant && !uuid_is(tenant)) {
        err_set(&request->err, ERR_MALFORMED, "Croft-Tenant must be a UUID.");
        return STEP_DONE;
    }
    return step_limit(request, request->api->by_token, request->credentials.key);
}

// ---- Input

static bool is_json_type(const char *type)
{
    static const char json[] = "application/json";
    return type && strncasecmp(type, json, strlen(json)) == 0 &&
           (type[strlen(json)] == '\0' || strchr("; ", type[strlen(json)]));
}

static int read_body(struct request *request, struct err *err)
{
    size_t len;
    const char *text = edge_body(request->edge, &len);
    const struct field *table = request->route->body;
    if (len == 0) {
        return table && !(request->route->flags & ROUTE_BODY_OPTIONAL)
                   ? err_at(err, ERR_MALFORMED, "", "A JSON body is required.")
                   : 0;
    }
    if (!is_json_type(edge_header(request->edge, "Content-Type"))) {
        return err_set(err, ERR_MEDIA_TYPE, "The body must be application/json.");
    }
    if (!table) {
        return err_set(err, ERR_MALFORMED, "This request takes no body.");
    }
    int r = json_read(text, len, JSON_DEPTH_MAX, &request->body, err);
    if (r == 0) {
        r = field_check(table, request->body, err);
    }
    return r == 0 ? bodies_check_words(table, request->body, err) : r;
}

static int read_query(struct request *request, struct err *err)
{
    const char **names, **values;
    int count = edge_query_all(request->edge, &names, &values);
    const struct field *table = request->route->query ? request->route->query : query_none;
    int r = bodies_read_query(table, names, values, count, &request->query, err);
    const char *accept = edge_header(request->edge, "Accept");
    if (r == 0 && request->route->flags & ROUTE_CSV && accept &&
        strncasecmp(accept, "text/csv", strlen("text/csv")) == 0 &&
        !json_object_get(request->query, "format")) {
        json_object_set_new(request->query, "format", json_string("csv"));
    }
    return r;
}

// ?sort= chooses among the statements of a list (sql/embed.py).
static int read_sort(struct request *request, struct err *err)
{
    const char *word = json_get_string(request->query, "sort", NULL);
    char all[160] = "";
    if (!word) {
        return 0;
    }
    for (const struct sql_sort *sort = sql_sorts[request->sql]; sort && sort->word; sort++) {
        if (strcmp(sort->word, word) == 0) {
            request->sql = sort->sql;
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, " %s", sort->word);
    }
    return err_at(err, ERR_INVALID, "/sort", all[0] ? "must be one of%s" : "is not known here%s",
                  all);
}

static int read_if_match(struct request *request, struct err *err)
{
    const char *etag = edge_header(request->edge, "If-Match");
    bool known = request->route->flags & ROUTE_IF_MATCH_KNOWN;
    if (!known && !(request->route->flags & ROUTE_IF_MATCH)) {
        return 0;
    }
    if (!etag && known) {
        return 0;
    }
    if (!etag) {
        return err_set(err, ERR_PRECONDITION_REQUIRED,
                       "Send the ETag that you read in an If-Match header.");
    }
    json_t *value = strlen(etag) <= ETAG_MAX ? json_string(etag) : NULL;
    if (!value) {
        return err_set(err, ERR_PRECONDITION_FAILED,
                       "It was changed in the meantime: read it again.");
    }
    json_object_set_new(request->input, "if_match", value);
    return 0;
}

// The hash ties the key to method, path and body, so that a key used for another request is noticed.
// It is kept for a day and a body may hold a password, hence keyed: nobody who reads the table can guess one.
static int read_idempotency_key(struct request *request, struct err *err)
{
    const char *key = edge_header(request->edge, "Idempotency-Key");
    if (!key || !(request->route->flags & ROUTE_IDEMPOTENT)) {
        return 0;
    }
    size_t key_len = strlen(key);
    json_t *value = key_len >= 1 && key_len <= IDEMPOTENCY_KEY_MAX ? json_string(key) : NULL;
    if (!value) {
        return err_set(err, ERR_MALFORMED, "An Idempotency-Key has 1 to 255 characters.");
    }
    size_t len;
    const char *body = edge_body(request->edge, &len);
    const char *all =
        arena_print(&request->arena, "%s %s\n%.*s", route_method_name(request->route->method),
                    edge_path(request->edge), (int)len, body);
    char hash[ACCESS_MAC + 1];
    access_key_mac(request->api->access_key, all, strlen(all), hash);
    json_object_set_new(request->input, "idempotency",
                        json_pack("{s:o, s:s}", "key", value, "hash", hash));
    return 0;
}

// What belongs to a part of billing that is switched off here.
static int check_mode(const struct request *request, struct err *err)
{
    enum billing_mode mode = server_config_billing(request->api->config);
    unsigned flags = request->route->flags;
    if ((flags & ROUTE_MONEY && mode < BILLING_FULL) ||
        (flags & ROUTE_CHARGES && mode < BILLING_EXPORT)) {
        return err_set(err, ERR_FORBIDDEN, "There is no such billing here (billing.mode is %s).",
                       request->api->config->billing.mode);
    }
    return 0;
}

static int read_input(struct request *request, struct err *err)
{
    int r = check_mode(request, err);
    if (r == 0) {
        r = read_query(request, err);
    }
    if (r == 0) {
        r = read_sort(request, err);
    }
    if (r == 0) {
        r = read_body(request, err);
    }
    if (r == 0) {
        r = read_if_match(request, err);
    }
    return r == 0 ? read_idempotency_key(request, err) : r;
}

static void on_refused(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        step_take_error(request, outcome); // instead of what is wrong with the input
    }
    request->step = NULL;
    request_run(request);
}

enum step_result step_refuse(struct request *request)
{
    if (request->route->auth == AUTH_NONE) {
        return STEP_DONE;
    }
    request->entered_in_full =
        true; // the short way only keeps out what stands behind it, and says nothing
    struct db_request db_request = {.deadline_ms = STEP_DEADLINE_MS, .step_count = 1};
    auth_step(request, &db_request.steps[0]);
    return step_run(request, &db_request, on_refused);
}

enum step_result step_input(struct request *request)
{
    request->input = json_object();
    if (request->id[0]) {
        json_object_set_new(request->input, "id", json_string(request->id));
    }
    if (read_input(request, &request->err) < 0) {
        return step_refuse(request);
    }
    json_object_set(request->input, "query", request->query);
    if (request->body) {
        json_object_set(request->input, "body", request->body);
    }
    return STEP_NEXT;
}

// ---- Query

static void take_refusal(struct request *request, const char *body)
{
    _cleanup_json_ json_t *refusal = NULL;
    if (json_read(body ? body : "", body ? strlen(body) : 0, 2, &refusal, &request->err) < 0) {
        request->err.code = ERR_INTERNAL; // the database's answer, not the client's
        return;
    }
    err_set(&request->err, err_code_from_slug(json_get_string(refusal, "code", "")), "%s",
            json_get_string(refusal, "detail", ""));
}

void step_take_answer(struct request *request, const struct db_rows *rows)
{
    if (db_rows_count(rows) == 0) {
        err_set(&request->err, ERR_NOT_FOUND, "There is no such thing here.");
        return;
    }
    struct arena *arena = &request->arena;
    const char *status = db_rows_get(rows, 0, "status");
    if (!status) {
        // An idempotency key whose first request is still under way has no answer yet.
        err_set(&request->err, ERR_CONFLICT,
                "The first request with this Idempotency-Key is still running.");
        return;
    }
    if (atoi(status) >= 400) {
        take_refusal(request, db_rows_get(rows, 0, "body"));
        return;
    }
    request->answer.status = atoi(status);
    request->answer.body = arena_string(arena, db_rows_get(rows, 0, "body"));
    request->answer.etag = arena_string(arena, db_rows_get(rows, 0, "etag"));
    request->answer.location = arena_string(arena, db_rows_get(rows, 0, "location"));
    request->answer.body_len = request->answer.body ? strlen(request->answer.body) : 0;
    if (request->route->flags & ROUTE_CSV &&
        (json_object_get(request->query, "format") || request->route->flags & ROUTE_CHARGES)) {
        request->answer.content_type = "text/csv; charset=utf-8";
    }
}

void step_take_error(struct request *request, const struct db_outcome *outcome)
{
    request->err = *outcome->err;
    if (strcmp(outcome->sqlstate, "22P05") == 0) { // \u0000 in jsonb; json_read refuses it before
        err_set(&request->err, ERR_MALFORMED, "The body holds a NUL character.");
    } else if (outcome->sqlstate[0] && request->err.code == ERR_INTERNAL) {
        log_error("statement_failed", "request=%s statement=%s sqlstate=%s message=%s",
                  edge_id(request->edge), sql_texts[request->sql].name, outcome->sqlstate,
                  LOGQ(outcome->err->text));
    } else if (outcome->err->code == ERR_UNAVAILABLE) {
        log_warn("database_unavailable", "request=%s reason=%s", edge_id(request->edge),
                 LOGQ(outcome->err->text));
        err_set(&request->err, ERR_UNAVAILABLE, "The database is not available: try again.");
    }
}

static void on_answer(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err && strcmp(outcome->sqlstate, "42501") == 0 && auth_is_quick(request)) {
        request->entered_in_full = true;
        if (step_query(request) == STEP_WAIT) {
            return;
        }
        request->step = NULL;
    } else if (outcome->err) {
        step_take_error(request, outcome);
        request->step = NULL;
    } else {
        auth_note_use(request, outcome->step_rows[0]);
        step_take_answer(request, outcome->rows);
        request->step = request->err.code == ERR_OK ? request->step : NULL;
    }
    request_run(request);
}

enum step_result step_run(struct request *request, const struct db_request *db_request,
                          db_done *done)
{
    if (db_run(request->api->db, db_request, done, request, &request->db_query, &request->err) <
        0) {
        return STEP_DONE;
    }
    return STEP_WAIT;
}

// A plan that is kept cannot know which filters a request has, so it can use none of their indexes.
static bool is_filtered(const struct request *request)
{
    const char *name;
    json_t *value;
    if (request->route->flags & ROUTE_LIST) {
        json_object_foreach (request->query, name, value) {
            if (strcmp(name, "limit") != 0 && strcmp(name, "cursor") != 0 &&
                strcmp(name, "sort") != 0) {
                return true;
            }
        }
    }
    return false;
}

enum step_result step_login(struct request *request, enum sql_id sql, json_t *input, db_done *done)
{
    _cleanup_free_ char *text = json_write(input);
    json_decref(input);
    request->sql = sql;
    struct db_request db_request = {
        .deadline_ms = STEP_DEADLINE_MS,
        .step_count = 1,
        .steps = {{.sql = sql, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
    };
    return step_run(request, &db_request, done);
}

enum step_result step_query(struct request *request)
{
    struct db_request db_request = {.deadline_ms = STEP_DEADLINE_MS,
                                    .is_short = request->route->method == EVHTTP_REQ_GET &&
                                                request->route->flags & ROUTE_ETAG};
    if (request->route->auth != AUTH_NONE) {
        auth_step(request, &db_request.steps[db_request.step_count++]);
    }
    if (is_filtered(request)) {
        db_request.steps[db_request.step_count++] =
            (struct db_step){.sql = SQL_PLAN_CUSTOM, .role = auth_role(request)};
    }
    _cleanup_free_ char *input = json_write(request->input);
    db_request.steps[db_request.step_count++] = (struct db_step){
        .sql = request->sql,
        .role = auth_role(request),
        .param_count = 1,
        .params = {input},
    };
    return step_run(request, &db_request, on_answer);
}
