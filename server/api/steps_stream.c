// Event streams: who asks and from where on, then the answer that goes on.
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "reply.h"
#include "steps.h"
#include "steps_table.h"

#include <string.h>

enum step_result step_stream_admit(struct request *request)
{
    const char *last = edge_header(request->edge, "Last-Event-ID");
    int64_t after = -1;
    if (streams_admit(request->api->streams, &request->err) < 0 ||
        (last && stream_read_id(last, &after, &request->err) < 0)) {
        return STEP_DONE;
    }
    if (after < 0) {
        after = json_get_int(request->query, "after", -1);
    }
    if (after >= 0) {
        json_object_set_new(request->input, "after", json_integer(after));
    }
    return STEP_NEXT;
}

static void begin(struct request *request, const struct db_outcome *outcome)
{
    const char *head = db_rows_get(outcome->rows, 0, "head");
    struct stream_start start = {
        .request = request,
        .entered = outcome->step_rows[0],
        .position = json_get_int(request->input, "after", strtoll(head, NULL, 10)),
    };
    auth_step(request, &start.auth);
    if (streams_sit(request->api->streams, &request->credentials, start.entered, &start.seat,
                    &request->err) < 0) {
        request->step = NULL;
        request_run(request);
        return;
    }
    if (reply_stream_begin(request)) {
        request->stream = stream_begin(request->api->streams, &start);
    } else {
        seats_leave(request->api->limits, &start.seat);
        reply_stream_end(request, "left");
    }
}

static void on_entered(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (!outcome->err) {
        begin(request, outcome);
        return;
    }
    step_take_error(request, outcome);
    request->step = NULL;
    request_run(request);
}

// The first read authenticates, finds where to begin, and refuses a place that is none.
enum step_result step_stream(struct request *request)
{
    request->entered_in_full = true; // who it is must be known, to be cut when that ends
    struct db_request db_request = {.deadline_ms = STEP_DEADLINE_MS, .step_count = 2};
    auth_step(request, &db_request.steps[0]);
    _cleanup_free_ char *input = json_write(request->input);
    db_request.steps[1] = (struct db_step){
        .sql = request->sql, .role = auth_role(request), .param_count = 1, .params = {input}};
    return step_run(request, &db_request, on_entered);
}
