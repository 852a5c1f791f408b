// What machines ask: health, metrics, the contract.
#include "api_private.h"
#include "macro.h"
#include "openapi.h"
#include "steps.h"
#include "steps_table.h"

#include <string.h>
#include <time.h>

enum { PING_MS = 2000 };

static enum step_result say(struct request *request, const char *type, const char *text)
{
    request->answer = (struct answer){
        .status = 200, .content_type = type, .body = text, .body_len = strlen(text)};
    return STEP_DONE;
}

enum step_result step_healthz(struct request *request)
{
    return say(request, "text/plain; charset=utf-8", "ok\n");
}

static void on_pinged(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (outcome->err) {
        err_set(&request->err, ERR_UNAVAILABLE, "The database does not answer.");
        request->step = NULL;
    }
    request_run(request);
}

// A connection may be up to a PostgreSQL that hangs, so it is asked; nobody is asked more often than the
// limit of an address allows.
enum step_result step_ping(struct request *request)
{
    struct api *api = request->api;
    if (!db_ready(api->db)) {
        err_set(&request->err, ERR_UNAVAILABLE, "The database is not connected.");
        return STEP_DONE;
    }
    if (limiter_take(api->by_address, edge_network(request->edge), api_now_us() / 1000) > 0) {
        return STEP_NEXT;
    }
    struct db_request db_request = {.deadline_ms = PING_MS,
                                    .step_count = 1,
                                    .steps = {{.sql = SQL_PING, .role = DB_ROLE_LOGIN}}};
    return step_run(request, &db_request, on_pinged);
}

enum step_result step_readyz(struct request *request)
{
    return say(request, "text/plain; charset=utf-8", "ready\n");
}

static void on_counted(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    const char *text = outcome->err ? NULL : db_rows_get(outcome->rows, 0, "text");
    request->metrics = text ? arena_copy(&request->arena, text, strlen(text)) : NULL;
    request_run(request);
}

// What only the database knows; without it the rest is shown. Asked no more often than readyz asks.
enum step_result step_metrics_find(struct request *request)
{
    struct api *api = request->api;
    if (!db_ready(api->db) ||
        limiter_take(api->by_address, edge_network(request->edge), api_now_us() / 1000) > 0) {
        return STEP_NEXT;
    }
    struct db_request db_request = {.deadline_ms = PING_MS,
                                    .step_count = 1,
                                    .steps = {{.sql = SQL_METRICS_READ, .role = DB_ROLE_LOGIN}}};
    struct err err = {0};
    return db_run(api->db, &db_request, on_counted, request, &request->db_query, &err) < 0
               ? STEP_NEXT
               : STEP_WAIT;
}

enum step_result step_metrics(struct request *request)
{
    const struct api *api = request->api;
    struct evbuffer *text = evbuffer_new();
    metrics_print(api->metrics, text);
    evbuffer_add_printf(text,
                        "# TYPE croft_db_ready gauge\ncroft_db_ready %d\n"
                        "# TYPE croft_db_waiting gauge\ncroft_db_waiting %d\n"
                        "# TYPE croft_agent_links gauge\ncroft_agent_links %zu\n"
                        "# TYPE croft_event_streams gauge\ncroft_event_streams %d\n",
                        db_ready(api->db), db_waiting(api->db),
                        api->gauges.links ? api->gauges.links(api->gauges.arg) : 0,
                        streams_count(api->streams));
    if (request->metrics) {
        evbuffer_add_printf(text, "# TYPE croft_usage_quarantined_day gauge\n%s", request->metrics);
    }
    size_t len = evbuffer_get_length(text);
    const char *copy = arena_copy(&request->arena, (const char *)evbuffer_pullup(text, -1), len);
    evbuffer_free(text);
    return say(request, "text/plain; version=0.0.4; charset=utf-8", copy);
}

enum step_result step_meta(struct request *request)
{
    char when[32];
    time_t now = time(NULL);
    struct tm tm;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    return say(request, "application/json",
               arena_print(&request->arena,
                           "{\"name\":\"croft\",\"version\":\"" CROFT_VERSION
                           "\",\"api_versions\":[\"v1\"],\"time\":\"%s\"}",
                           when));
}

enum step_result step_openapi(struct request *request)
{
    return say(request, "application/yaml", openapi_text);
}
