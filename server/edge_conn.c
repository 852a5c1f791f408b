#include "edge_conn.h"

#include "edge_head.h"
#include "log.h"
#include "macro.h"
#include "problem.h"
#include "uuid.h"

#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/socket.h>

enum { LINGER_S = 2, FIRST_S = 1, PEEK_MAX = 8 };

// One function changes it: set_state().
enum conn_state {
    CONN_HEAD, // between requests or inside a head
    CONN_BODY,
    CONN_BAD, // refused as soon as the requests before are answered
    CONN_REFUSED, // the problem document is on its way; the rest is thrown away
};

struct edge_conn {
    TAILQ_ENTRY(edge_conn) link;
    struct edge_conns *conns;
    struct bufferevent *bev;
    struct evhttp_connection *evcon;
    struct evbuffer_cb_entry *input_watch;
    int fd;
    struct edge_peer peer;
    bool counted; // among its network's
    enum conn_state state;
    struct edge_head head;
    char *line; // the head's line that is being read
    size_t line_len, line_size;
    size_t head_bytes; // of the current head
    size_t body_left;
    bool used; // it has carried a request
    int pending; // requests that were read whole and not yet answered
    struct event *timer; // the deadline of a handshake, a request, an idle time
    struct event *turn; // work that must not happen inside evhttp's callbacks
    struct err bad; // why CONN_BAD
    void (*gone)(void *arg); // the open request
    void *gone_arg;
};

// ---- Life

static void conn_free(struct edge_conn *conn)
{
    struct edge_conns *conns = conn->conns;
    TAILQ_REMOVE(&conns->list, conn, link);
    if (conn->fd >= 0 && conn->fd < conns->by_fd_size) {
        conns->by_fd[conn->fd] = NULL;
    }
    if (conn->counted) {
        edge_peers_remove(conns->peers, &conn->peer);
    }
    event_free(conn->timer);
    event_free(conn->turn);
    free(conn->line);
    free(conn);
    conns->count--;
    conns->changed(conns->arg);
}

static void tell_gone(struct edge_conn *conn)
{
    void (*gone)(void *) = STEAL(conn->gone);
    if (gone) {
        gone(conn->gone_arg);
    }
}

// evhttp frees its side, and the bufferevent with it.
static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct edge_conn *conn = arg;
    tell_gone(conn);
    conn_free(conn);
}

static void set_timer(struct edge_conn *conn, int seconds)
{
    struct timeval tv = {seconds, 0};
    evtimer_add(conn->timer, &tv);
}

static void set_idle_timer(struct edge_conn *conn)
{
    set_timer(conn, conn->conns->config.idle_s);
}

// ---- Refusing

static void on_linger_read(struct bufferevent *bev, void *arg)
{
    evbuffer_drain(bufferevent_get_input(bev), evbuffer_get_length(bufferevent_get_input(bev)));
}

// The answer is out. What the client still sends is read for a moment, or a reset could overtake it.
static void on_linger_written(struct bufferevent *bev, void *arg)
{
    struct edge_conn *conn = arg;
    shutdown(conn->fd, SHUT_WR);
    set_timer(conn, LINGER_S);
}

static void on_linger_event(struct bufferevent *bev, short what, void *arg)
{
    struct edge_conn *conn = arg;
    evhttp_connection_free(conn->evcon);
}

static void write_problem(struct edge_conn *conn)
{
    char id[UUID_LEN + 1];
    uuid_make(id);
    const struct err_info *info = err_info(conn->bad.code);
    _cleanup_free_ char *problem = problem_write(&conn->bad, id);
    const char *allow =
        conn->bad.code == ERR_METHOD ? "Allow: GET, POST, PUT, PATCH, DELETE\r\n" : "";
    evbuffer_add_printf(
        bufferevent_get_output(conn->bev),
        "HTTP/1.1 %d %s\r\nContent-Type: " PROBLEM_CONTENT_TYPE
        "\r\nContent-Length: %zu\r\nX-Request-Id: %s\r\n%sConnection: close\r\n\r\n%s",
        info->status, info->title, strlen(problem), id, allow, problem);
    log_info("request_refused", "peer=%s request=%s status=%d detail=%s", conn->peer.address, id,
             info->status, LOGQ(conn->bad.text));
}

static void answer_refused(struct edge_conn *conn)
{
    on_linger_read(conn->bev, conn);
    bufferevent_setcb(conn->bev, on_linger_read, on_linger_written, on_linger_event, conn);
    write_problem(conn);
    bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    set_timer(conn, LINGER_S);
}

// From here on evhttp sees none of the bytes. The answer is written in a turn of its own, since this
// may be inside a read of the bufferevent or inside evhttp's own completion.
static void refuse(struct edge_conn *conn)
{
    conn->state = CONN_REFUSED;
    bufferevent_setcb(conn->bev, NULL, NULL, NULL, NULL);
    event_active(conn->turn, EV_TIMEOUT, 0);
}

static void turn_bad(struct edge_conn *conn)
{
    conn->state = CONN_BAD;
    if (conn->pending == 0) {
        refuse(conn);
    }
}

// ---- Reading along

static void request_complete(struct edge_conn *conn)
{
    conn->state = CONN_HEAD;
    conn->head = (struct edge_head){0};
    conn->head_bytes = 0;
    conn->pending++;
    conn->used = true;
    evtimer_del(conn->timer); // from here the handler's deadline counts
}

static size_t body_max(const struct edge_conn *conn)
{
    const struct edge_config *config = &conn->conns->config;
    SSL *ssl = config->body_max_known ? bufferevent_openssl_get_ssl(conn->bev) : NULL;
    bool known = ssl && SSL_get0_peer_certificate(ssl) && SSL_get_verify_result(ssl) == X509_V_OK;
    return known ? config->body_max_known : config->body_max;
}

static int take_line(struct edge_conn *conn)
{
    int r = edge_head_line(&conn->head, conn->line ? conn->line : "", conn->line_len,
                           body_max(conn), &conn->bad);
    conn->line_len = 0;
    if (r < 0 || !conn->head.ended) {
        return r;
    }
    conn->body_left = conn->head.content_length;
    if (conn->body_left > 0) {
        conn->state = CONN_BODY;
    } else {
        request_complete(conn);
    }
    return 0;
}

static void append(struct edge_conn *conn, char c)
{
    if (conn->line_len + 1 >= conn->line_size) {
        conn->line_size = conn->line_size ? conn->line_size * 2 : 256;
        conn->line = realloc(conn->line, conn->line_size);
    }
    conn->line[conn->line_len++] = c;
    conn->line[conn->line_len] = '\0';
}

static int take_head_byte(struct edge_conn *conn, char c)
{
    if (conn->head_bytes++ == 0 && conn->pending == 0) {
        set_timer(conn, conn->conns->config.request_s);
    }
    if (conn->head_bytes > conn->conns->config.header_max) {
        return err_set(&conn->bad, ERR_TOO_LARGE, "the headers may have at most %zu bytes",
                       conn->conns->config.header_max);
    }
    bool after_cr = conn->line_len > 0 && conn->line[conn->line_len - 1] == '\r';
    if (after_cr != (c == '\n')) {
        return err_set(&conn->bad, ERR_MALFORMED, "a line must end in CRLF");
    }
    if (c == '\n') {
        conn->line_len--;
        return take_line(conn);
    }
    append(conn, c);
    return 0;
}

// Stops at the first violation: what follows has no meaning.
static void take_bytes(struct edge_conn *conn, const char *bytes, size_t len)
{
    while (len > 0 && (conn->state == CONN_HEAD || conn->state == CONN_BODY)) {
        if (conn->state == CONN_BODY) {
            size_t n = len < conn->body_left ? len : conn->body_left;
            bytes += n;
            len -= n;
            conn->body_left -= n;
            if (conn->body_left == 0) {
                request_complete(conn);
            }
        } else {
            if (take_head_byte(conn, *bytes) < 0) {
                turn_bad(conn);
                return;
            }
            bytes++;
            len--;
        }
    }
}

// Runs when bytes arrive, before evhttp's read callback does.
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct edge_conn *conn = arg;
    size_t left = info->n_added;
    struct evbuffer_ptr at;
    if (left == 0 ||
        evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - left, EVBUFFER_PTR_SET) < 0) {
        return;
    }
    while (left > 0) {
        struct evbuffer_iovec pieces[PEEK_MAX];
        int n = evbuffer_peek(input, -1, &at, pieces, PEEK_MAX);
        size_t seen = 0;
        for (int i = 0; i < n && i < PEEK_MAX; i++) {
            take_bytes(conn, pieces[i].iov_base, pieces[i].iov_len);
            seen += pieces[i].iov_len;
        }
        if (seen == 0 || seen >= left) {
            return;
        }
        left -= seen;
        evbuffer_ptr_set(input, &at, seen, EVBUFFER_PTR_ADD);
    }
}

// ---- Opening

static void read_peer(struct edge_conn *conn)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (getpeername(conn->fd, (struct sockaddr *)&address, &len) < 0) {
        address.ss_family = AF_UNSPEC; // it has left already; the next read says so
    }
    edge_peer_read((struct sockaddr *)&address, &conn->peer);
}

static void index_by_fd(struct edge_conn *conn)
{
    struct edge_conns *conns = conn->conns;
    if (conn->fd >= conns->by_fd_size) {
        int size = conn->fd * 2 + 64;
        conns->by_fd = realloc(conns->by_fd, (size_t)size * sizeof(struct edge_conn *));
        memset(conns->by_fd + conns->by_fd_size, 0,
               (size_t)(size - conns->by_fd_size) * sizeof(struct edge_conn *));
        conns->by_fd_size = size;
    }
    conns->by_fd[conn->fd] = conn;
}

// evhttp has given the bufferevent its socket, and itself as the callbacks' argument, which is the only
// way to learn of a connection that never completes a request.
static void attach(struct edge_conn *conn)
{
    void *evcon = NULL;
    bufferevent_getcb(conn->bev, NULL, NULL, NULL, &evcon);
    conn->evcon = evcon;
    conn->fd = bufferevent_getfd(conn->bev);
    evhttp_connection_set_closecb(conn->evcon, on_close, conn);
    index_by_fd(conn);
    read_peer(conn);
    set_timer(conn, conn->conns->draining ? FIRST_S : conn->conns->config.request_s);
    conn->counted = true;
    if (edge_peers_add(conn->conns->peers, &conn->peer) >
        conn->conns->config.connections_per_address_max) {
        log_warn("connection_refused", "peer=%s reason=\"too many connections\"",
                 conn->peer.address);
        evhttp_connection_free(conn->evcon);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct edge_conn *conn = arg;
    if (!conn->evcon) {
        attach(conn);
    } else if (conn->state == CONN_REFUSED) {
        answer_refused(conn);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct edge_conn *conn = arg;
    bool inside = conn->state == CONN_BODY || (conn->state == CONN_HEAD && conn->head_bytes > 0);
    if (inside && conn->pending == 0) {
        err_set(&conn->bad, ERR_MALFORMED, "the request did not arrive in time");
        turn_bad(conn);
    } else {
        evhttp_connection_free(conn->evcon);
    }
}

struct bufferevent *edge_conn_open(struct event_base *base, void *arg)
{
    struct edge_conns *conns = arg;
    struct edge_conn *conn = calloc(1, sizeof(*conn));
    conn->conns = conns;
    conn->fd = -1;
    if (conns->config.tls) {
        conn->bev = bufferevent_openssl_socket_new(
            base, -1, SSL_new(conns->config.tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_openssl_set_allow_dirty_shutdown(conn->bev, 1);
    } else {
        conn->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    conn->timer = evtimer_new(base, on_timer, conn);
    conn->turn = event_new(base, -1, 0, on_turn, conn);
    conn->input_watch = evbuffer_add_cb(bufferevent_get_input(conn->bev), on_input, conn);
    TAILQ_INSERT_TAIL(&conns->list, conn, link);
    conns->count++;
    conns->changed(conns->arg);
    event_active(conn->turn, EV_TIMEOUT, 0);
    return conn->bev;
}

// ---- What edge.c asks

struct edge_conn *edge_conn_of(struct edge_conns *conns, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    int fd = evcon ? bufferevent_getfd(evhttp_connection_get_bufferevent(evcon)) : -1;
    struct edge_conn *conn = fd >= 0 && fd < conns->by_fd_size ? conns->by_fd[fd] : NULL;
    return conn && conn->evcon == evcon && conn->state != CONN_REFUSED ? conn : NULL;
}

const struct edge_peer *edge_conn_peer(const struct edge_conn *conn)
{
    return &conn->peer;
}

struct bufferevent *edge_conn_bufferevent(const struct edge_conn *conn)
{
    return conn->bev;
}

void edge_conn_set_request(struct edge_conn *conn, void (*gone)(void *arg), void *arg)
{
    conn->gone = gone;
    conn->gone_arg = arg;
}

bool edge_conn_replying(struct edge_conn *conn)
{
    conn->gone = NULL;
    return conn->state == CONN_BAD || conn->conns->draining;
}

void edge_conn_replied(struct edge_conn *conn)
{
    conn->pending--;
    if (conn->pending > 0) {
        return;
    }
    if (conn->state == CONN_BAD) {
        refuse(conn);
    } else if (conn->state == CONN_BODY || conn->head_bytes > 0) {
        set_timer(conn, conn->conns->config.request_s);
    } else {
        set_idle_timer(conn);
    }
}

void edge_conn_close_idle(struct edge_conn *conn)
{
    if (!conn->evcon || conn->pending > 0 || conn->state != CONN_HEAD || conn->head_bytes > 0) {
        return;
    }
    if (conn->used) {
        evhttp_connection_free(conn->evcon);
    } else {
        set_timer(conn, FIRST_S);
    }
}

void edge_conns_finish(struct edge_conns *conns)
{
    struct edge_conn *conn;
    while ((conn = TAILQ_FIRST(&conns->list))) {
        conn_free(conn);
    }
    edge_peers_destroy(STEAL(conns->peers));
    free(STEAL(conns->by_fd));
    conns->by_fd_size = 0;
}

struct edge_conn *edge_conn_first(const struct edge_conns *conns)
{
    return TAILQ_FIRST(&conns->list);
}

struct edge_conn *edge_conn_next(const struct edge_conn *conn)
{
    return TAILQ_NEXT(conn, link);
}

// evhttp shuts the socket down when it frees a connection, by its number. So a stand-in has that number
// meanwhile. The number stays the same in the end: bufferevent_setfd() would begin a TLS handshake anew.
struct bufferevent *edge_conn_detach(struct edge_conn *conn)
{
    struct bufferevent *bev = conn->bev;
    int fd = conn->fd;
    _cleanup_fd_ int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    _cleanup_fd_ int stand_in = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (kept < 0 || stand_in < 0) {
        evhttp_connection_free(conn->evcon);
        return NULL;
    }
    bufferevent_disable(bev, EV_READ | EV_WRITE);
    dup3(stand_in, fd, O_CLOEXEC);
    evbuffer_remove_cb_entry(bufferevent_get_input(bev), conn->input_watch);
    bufferevent_incref(bev);
    evhttp_connection_set_closecb(conn->evcon, NULL, NULL);
    evhttp_connection_free(conn->evcon);
    dup3(kept, fd, O_CLOEXEC);
    conn->gone = NULL;
    conn_free(conn);
    bufferevent_set_timeouts(bev, NULL, NULL);
    return bev;
}
