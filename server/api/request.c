#include "request.h"

#include "api_private.h"
#include "macro.h"
#include "reply.h"
#include "steps.h"
#include "stream.h"

#include <string.h>
#include <time.h>

enum { DEADLINE_S = 25 };

int64_t api_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void request_run(struct request *request)
{
    enum step_result result = STEP_NEXT;
    while (result == STEP_NEXT && request->step && *request->step) {
        request_step *step = *request->step++;
        result = step(request);
    }
    if (result != STEP_WAIT) {
        reply_send(request);
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct request *request = arg;
    err_set(&request->err, ERR_TIMEOUT, "The request took too long.");
    reply_send(request);
}

void request_set_deadline(struct request *request, int seconds)
{
    struct timeval tv = {seconds, 0};
    evtimer_add(request->deadline, &tv);
}

static void find_route(struct request *request)
{
    struct route_match match;
    route_find(edge_method(request->edge), edge_path(request->edge), &match);
    request->route = match.route;
    request->route_index = match.index;
    memcpy(request->id, match.id, sizeof(request->id));
    if (match.route) {
        request->step = match.route->steps;
        request->sql = match.route->sql;
    } else if (panel_wants(request)) {
        request->step = panel_steps;
    } else if (match.allowed) {
        request->allowed = match.allowed;
        err_set(&request->err, ERR_METHOD, "This address does not take this method.");
    } else {
        err_set(&request->err, ERR_NOT_FOUND, "There is nothing here.");
    }
}

void request_begin(struct edge_request *edge, void *arg)
{
    struct api *api = arg;
    struct request *request = calloc(1, sizeof(*request));
    request->api = api;
    request->edge = edge;
    request->started_us = api_now_us();
    request->deadline = evtimer_new(api->base, on_deadline, request);
    TAILQ_INSERT_TAIL(&api->requests, request, link);
    request_set_deadline(request, DEADLINE_S);
    find_route(request);
    request_run(request);
}

void request_end(struct request *request)
{
    TAILQ_REMOVE(&request->api->requests, request, link);
    if (request->db_query) {
        db_cancel(request->db_query);
    }
    if (request->password_job) {
        password_job_cancel(request->password_job);
    }
    if (request->document) {
        document_end(request->document);
    }
    if (request->stream) {
        stream_destroy(request->stream);
    }
    if (request->wait) {
        wait_end(request->wait);
    }
    event_free(request->deadline);
    json_decref(request->body);
    json_decref(request->query);
    json_decref(request->input);
    arena_finish(&request->arena);
    free(request);
}
