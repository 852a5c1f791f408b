// The requests of the agent listener: who asks, then what.
#include "hub_private.h"

#include "log.h"

#include <string.h>

enum { CALL_MS = 10000 };

struct hub_call *hub_call_new(struct hub *hub, struct edge_request *request)
{
    struct hub_call *call = calloc(1, sizeof(*call));
    if (!call) {
        abort();
    }
    call->hub = hub;
    call->request = request;
    LIST_INSERT_HEAD(&hub->calls, call, entry);
    return call;
}

void hub_call_end(struct hub_call *call)
{
    LIST_REMOVE(call, entry);
    if (call->query) {
        db_cancel(call->query);
    }
    if (call->data) {
        call->data_free(call->data);
    }
    free(call);
}

// What is wrong on our side is logged, and told without detail.
static void answer_problem(struct edge_request *request, const struct err *err)
{
    struct err told = *err;
    if (err_info(err->code)->status == 500) {
        log_error("agent_request_failed", "request=%s path=%s detail=%s", edge_id(request),
                  LOGQ(edge_path(request)), LOGQ(err->text));
        err_set(&told, ERR_INTERNAL, "This request failed; the log of the server says why.");
    }
    edge_reply_problem(request, &told);
}

void hub_call_fail(struct hub_call *call, const struct err *err)
{
    answer_problem(call->request, err);
    hub_call_end(call);
}

static void on_outcome(const struct db_outcome *outcome, void *arg)
{
    struct hub_call *call = arg;
    call->query = NULL;
    if (outcome->err) {
        hub_call_fail(call, outcome->err);
    } else {
        call->then(call, outcome->rows);
    }
}

void hub_call_run(struct hub_call *call, const struct db_request *request)
{
    struct db_request bounded = *request;
    struct err err = {0};
    bounded.deadline_ms = CALL_MS;
    if (db_run(call->hub->db, &bounded, on_outcome, call, &call->query, &err) < 0) {
        call->query = NULL;
        hub_call_fail(call, &err);
    }
}

// The client certificate's node and serial. Our verify callback lets every certificate through the
// handshake, so that a bad one is told by 403; the result of the check is kept with the connection.
static int identify(struct hub_call *call, struct err *err)
{
    SSL *ssl = edge_ssl(call->request);
    X509 *certificate = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!certificate) {
        return err_set(err, ERR_FORBIDDEN, "A client certificate is required.");
    }
    if (SSL_get_verify_result(ssl) != X509_V_OK) {
        return err_set(err, ERR_FORBIDDEN, "The client certificate is not valid.");
    }
    return pki_agent_identity(certificate, call->node, call->serial, err);
}

struct route {
    enum evhttp_cmd_type method;
    const char *path; // ending in / it is a prefix
    int (*check)(struct edge_request *request, struct err *err); // before anything is asked
    void (*then)(struct hub_call *call, const struct db_rows *rows); // NULL: a join
    bool asks; // what the node may have of what the path's last part names
    enum sql_id sql;
};

static const struct route routes[] = {
    {EVHTTP_REQ_POST, "/agent/v1/join", NULL, NULL},
    {EVHTTP_REQ_GET, "/agent/v1/link", hub_upgrade_check, hub_upgrade},
    {EVHTTP_REQ_GET, "/agent/v1/images/", hub_image_check, hub_image, true, SQL_NODE_IMAGE},
    {EVHTTP_REQ_PUT, "/agent/v1/uploads/", hub_upload_check, hub_upload, true, SQL_NODE_UPLOAD},
    {EVHTTP_REQ_GET, "/agent/v1/consoles/", hub_console_check, hub_console},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        size_t len = strlen(routes[i].path);
        bool prefix = routes[i].path[len - 1] == '/';
        if (strncmp(path, routes[i].path, len) == 0 && (prefix || path[len] == '\0')) {
            return &routes[i];
        }
    }
    return NULL;
}

static void authenticate(struct hub *hub, struct edge_request *request, const struct route *route)
{
    struct err err = {0};
    struct hub_call *call = hub_call_new(hub, request);
    call->then = route->then;
    if (identify(call, &err) < 0 || route->check(request, &err) < 0) {
        hub_call_fail(call, &err);
        return;
    }
    struct db_request query = {
        .steps = {{.sql = SQL_HUB_AUTH,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 2,
                   .params = {call->node, call->serial}}},
        .step_count = 1,
    };
    if (route->asks) {
        query.steps[query.step_count++] = (struct db_step){
            .sql = route->sql,
            .role = DB_ROLE_AGENT,
            .param_count = 1,
            .params = {strrchr(edge_path(request), '/') + 1},
        };
    }
    hub_call_run(call, &query);
}

void hub_http_handle(struct edge_request *request, void *arg)
{
    struct hub *hub = arg;
    struct err err = {0};
    const struct route *route = find_route(edge_path(request));
    if (!route) {
        err_set(&err, ERR_NOT_FOUND, "There is nothing here.");
        edge_reply_problem(request, &err);
    } else if (edge_method(request) != route->method) {
        err_set(&err, ERR_METHOD, "This path does not take that method.");
        edge_reply_problem(request, &err);
    } else if (route->then) {
        authenticate(hub, request, route);
    } else {
        hub_join(hub, request);
    }
}

void hub_http_stop(struct hub *hub)
{
    struct hub_call *call;
    while ((call = LIST_FIRST(&hub->calls))) {
        hub_call_end(call); // the request itself goes with the edge
    }
}
