// The floor under a read: bare evhttp and one pipelined libpq connection, that send the same bytes.
//
//   api_floor CONNINFO PORT SQL_ONE SQL_PAGE
//
// GET /one/<id> answers the first column of SQL_ONE with <id> as $1, GET /page that of SQL_PAGE. Nobody is
// authenticated, nothing is checked. Several may share a port (SO_REUSEPORT).
#include "macro.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting { // answers come in the order of the questions
    struct evhttp_request *request;
    struct waiting *next;
};

static PGconn *conn;
static struct event *readable, *writable;
static struct waiting *first, **last = &first;

_noreturn_ static void die(const char *what)
{
    fprintf(stderr, "api_floor: %s: %s\n", what, conn ? PQerrorMessage(conn) : strerror(errno));
    exit(1);
}

static void answer(const PGresult *result)
{
    struct waiting *one = first;
    first = one->next;
    if (!first) {
        last = &first;
    }
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        evhttp_send_error(one->request, 404, NULL);
    } else {
        struct evbuffer *body = evbuffer_new();
        evbuffer_add(body, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
        struct evkeyvalq *headers = evhttp_request_get_output_headers(one->request);
        evhttp_add_header(headers, "Content-Type", "application/json");
        evhttp_send_reply(one->request, 200, "OK", body);
        evbuffer_free(body);
    }
    free(one);
}

static void flush(void)
{
    int r = PQflush(conn);
    if (r < 0) {
        die("sending");
    }
    if (r > 0) {
        event_add(writable, NULL);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    if (!PQconsumeInput(conn)) {
        die("receiving");
    }
    // A question ends in a NULL, then the Sync has a result of its own.
    while (first && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (result && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
            answer(result);
        }
        PQclear(result);
    }
    flush();
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    flush();
}

static void ask(struct evhttp_request *request, const char *statement, const char *id)
{
    struct waiting *one = calloc(1, sizeof(*one));
    if (!one) {
        die("memory");
    }
    one->request = request;
    *last = one;
    last = &one->next;
    if (!PQsendQueryPrepared(conn, statement, id ? 1 : 0, &id, NULL, NULL, 0) ||
        !PQpipelineSync(conn)) {
        die("asking");
    }
    flush();
}

static void on_request(struct evhttp_request *request, void *arg)
{
    const char *path = evhttp_request_get_uri(request);
    if (strncmp(path, "/one/", 5) == 0) {
        ask(request, "one", path + 5);
    } else if (strcmp(path, "/page") == 0) {
        ask(request, "page", NULL);
    } else {
        evhttp_send_error(request, 404, NULL);
    }
}

static void prepare(const char *name, const char *sql)
{
    PGresult *result = PQprepare(conn, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        die(name);
    }
    PQclear(result);
}

static void open_database(struct event_base *base, char **argv)
{
    conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK) {
        die("connecting");
    }
    prepare("one", argv[3]);
    prepare("page", argv[4]);
    if (PQsetnonblocking(conn, 1) < 0 || !PQenterPipelineMode(conn)) {
        die("pipelining");
    }
    readable = event_new(base, PQsocket(conn), EV_READ | EV_PERSIST, on_readable, NULL);
    writable = event_new(base, PQsocket(conn), EV_WRITE, on_writable, NULL);
    event_add(readable, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: api_floor CONNINFO PORT SQL_ONE SQL_PAGE\n");
        return 2;
    }
    struct event_base *base = event_base_new();
    open_database(base, argv);

    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct evconnlistener *listener = evconnlistener_new_bind(
        base, NULL, NULL, LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT | LEV_OPT_CLOSE_ON_FREE, 1024,
        (struct sockaddr *)&address, sizeof(address));
    if (!listener) {
        die("listening");
    }
    // Inherited by what it accepts; else a page waits for the client's delayed acknowledgement.
    int on = 1;
    if (setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) <
        0) {
        die("TCP_NODELAY");
    }
    struct evhttp *http = evhttp_new(base);
    evhttp_bind_listener(http, listener);
    evhttp_set_gencb(http, on_request, NULL);
    event_base_dispatch(base);
    return 0;
}
