#include "link.h"

#include "dial.h"
#include "file.h"
#include "json.h"
#include "log.h"
#include "message.h"
#include "privilege.h"
#include "tls.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

enum {
    PAUSE_MIN_MS = 200,
    PAUSE_MAX_MS = 10000,
    GOOD_LINK_MS = 60000,
    NOT_JOINED_MS = 2000,
    RENEW_CHECK_MS = 60000,
    BACKLOG_MAX = 8 * FRAME_MAX,
    PING_S = 10,
};

static void on_reconnect(evutil_socket_t fd, short what, void *arg);

int64_t link_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(timer, &tv);
}

int link_server_parse(const char *text, struct link_server *ret_server, struct err *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (port < 1 || port > 65535 || *end || len == 0 || len >= LINK_HOST_MAX) {
        return err_set(err, ERR_INVALID, "the server must be host:port");
    }
    snprintf(ret_server->host, sizeof(ret_server->host), "%.*s", (int)len, text);
    ret_server->port = (uint16_t)port;
    return 0;
}

struct evdns_base *link_dns_create(struct event_base *base)
{
    struct evdns_base *dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!dns) {
        dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (!dns) {
            abort();
        }
        evdns_base_load_hosts(dns, "/etc/hosts");
    }
    return dns;
}

static bool is_address(const char *host)
{
    unsigned char out[16];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

struct bufferevent *link_bufferevent(struct event_base *base, SSL_CTX *ctx,
                                     const struct link_server *server)
{
    SSL *ssl = SSL_new(ctx);
    if (!ssl) {
        abort();
    }
    if (!is_address(server->host)) {
        SSL_set_tlsext_host_name(ssl, server->host);
    }
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!bev) {
        abort();
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

void link_to_broker(struct link *link, json_t *message)
{
    _cleanup_json_ json_t *owned = message;
    struct err err = {0};
    if (frame_send(link->broker, owned, &err) < 0) {
        log_error("broker_send", "error=%s", LOGQ(err.text));
        event_base_loopbreak(link->base);
    }
}

// Full jitter: anything between 0 and the bound, which doubles.
static void reconnect_later(struct link *link)
{
    if (link->up_since_ms > 0 && link_now_ms() - link->up_since_ms >= GOOD_LINK_MS) {
        link->pause_ms = PAUSE_MIN_MS;
    }
    link->up_since_ms = 0;
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), 0) < 0) {
        random = (uint32_t)link_now_ms();
    }
    arm(link->reconnect, random % link->pause_ms);
    link->pause_ms = link->pause_ms * 2 < PAUSE_MAX_MS ? link->pause_ms * 2 : PAUSE_MAX_MS;
}

static void on_ws_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct link *link = arg;
    log_warn("link_down", "code=%u reason=%s", code, LOGQ(reason));
    ws_destroy(ws);
    link->ws = NULL;
    link->epoch = 0;
    link_to_broker(link, json_pack("{s:s}", "type", "down"));
    reconnect_later(link);
}

static void send_text(struct link *link, const json_t *message)
{
    struct err err = {0};
    _cleanup_free_ char *text = json_write(message);
    if (ws_send(link->ws, text, strlen(text), &err) < 0) {
        // Everything is repeated on the next connection, so a slow one is better given up.
        log_warn("link_send", "error=%s", LOGQ(err.text));
        ws_close(link->ws, 1008, "backlog");
    }
}

static void renew(struct link *link)
{
    struct err err = {0};
    int64_t left_s = 0;
    char node[37];
    if (!link->ws || link->epoch == 0 || link_pki_renew_in_s(link->config, &left_s, &err) < 0 ||
        left_s > 0) {
        return;
    }
    _cleanup_free_ char *key = NULL;
    _cleanup_free_ char *csr = NULL;
    if (link_pki_node(link->config, node, &err) < 0 || tls_make_csr(node, &key, &csr, &err) < 0) {
        log_error("certificate_request", "error=%s", LOGQ(err.text));
        return;
    }
    free(link->new_key);
    link->new_key = STEAL(key);
    _cleanup_json_ json_t *message = json_pack("{s:s, s:I, s:s}", "type", "certificate_request",
                                               "epoch", (json_int_t)link->epoch, "csr", csr);
    send_text(link, message);
    log_info("certificate_request", "node=%s", node);
}

static void on_renew(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    renew(link);
    arm(link->renew, RENEW_CHECK_MS);
}

static void on_certificate(struct link *link, json_t *message)
{
    struct err err = {0};
    const char *pem;
    int r = message_certificate(message, &pem, &err);
    if (r == 0 && !link->new_key) {
        r = err_set(&err, ERR_PROTOCOL, "nobody asked for a certificate");
    }
    if (r == 0) {
        r = link_pki_store(link->config, pem, link->new_key, &err);
    }
    if (r < 0) {
        log_error("certificate", "error=%s", LOGQ(err.text));
        return;
    }
    free(link->new_key);
    link->new_key = NULL;
    log_info("certificate", "renewed=true");
    link->pause_ms = PAUSE_MIN_MS;
    ws_close(link->ws, 1000, "new certificate");
}

static void on_welcome(struct link *link, json_t *message)
{
    struct err err = {0};
    struct welcome_message welcome;
    if (message_welcome(message, &welcome, &err) == 0) {
        link->epoch = welcome.epoch;
        renew(link);
    }
}

static void on_ws_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct link *link = arg;
    struct err err = {0};
    _cleanup_json_ json_t *message = NULL;
    if (json_read(text, len, JSON_DEPTH_MAX, &message, &err) < 0 || !json_is_object(message)) {
        log_warn("message", "error=%s", LOGQ(err.text));
        ws_close(ws, 1002, "not a JSON object");
        return;
    }
    const char *type = json_get_string(message, "type", "");
    if (strcmp(type, "certificate") == 0) {
        on_certificate(link, message);
        return;
    }
    // These come from the broker's own peer, never from the network.
    if (strcmp(type, "up") == 0 || strcmp(type, "down") == 0 || strcmp(type, "fetched") == 0 ||
        strcmp(type, "pushed") == 0 || strcmp(type, "console_close") == 0) {
        return;
    }
    if (strcmp(type, "console_open") == 0) {
        link_console_open(link, message);
        return;
    }
    if (strcmp(type, "error") == 0) {
        log_error("server_error", "code=%s detail=%s", LOGQ(json_get_string(message, "code", "")),
                  LOGQ(json_get_string(message, "detail", "")));
        return;
    }
    link_to_broker(link, json_incref(message));
    if (strcmp(type, "welcome") == 0) {
        on_welcome(link, message);
    }
}

static void begin_ws(struct link *link, struct bufferevent *bev)
{
    static const struct ws_handlers handlers = {.message = on_ws_message, .closed = on_ws_closed};
    static const struct ws_limits limits = {
        .message_max = FRAME_MAX, .backlog_max = BACKLOG_MAX, .ping_s = PING_S};
    link->up_since_ms = link_now_ms();
    log_info("link_up", "server=%s:%u", link->server.host, link->server.port);
    link_to_broker(link, json_pack("{s:s}", "type", "up"));
    link->ws = ws_create(bev, WS_CLIENT, &handlers, &limits, link);
}

static void on_dialled(struct bufferevent *bev, const struct err *err, void *arg)
{
    struct link *link = arg;
    link->dial = NULL;
    if (bev) {
        begin_ws(link, bev);
    } else {
        log_warn("connect", "server=%s:%u error=%s", link->server.host, link->server.port,
                 LOGQ(err->text));
        reconnect_later(link);
    }
}

static int find_server(struct link *link, struct err *err)
{
    if (*link->config->server) {
        return link_server_parse(link->config->server, &link->server, err);
    }
    char path[LINK_PATH_MAX];
    _cleanup_free_ char *text = NULL;
    link_pki_path(link->config, "server", path);
    int r = file_read(path, 512, &text, NULL, err);
    if (r == 0) {
        text[strcspn(text, "\n")] = '\0';
        r = link_server_parse(text, &link->server, err);
    }
    return r;
}

// The context is made anew for each connection: the certificate may be a new one.
static int prepare(struct link *link, struct err *err)
{
    SSL_CTX *ctx = NULL;
    int r = find_server(link, err);
    if (r == 0) {
        r = link_pki_ctx(link->config, &ctx, err);
    }
    if (r == 0) {
        SSL_CTX_free(link->ctx);
        link->ctx = ctx;
    }
    return r;
}

static void on_reconnect(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    struct err err = {0};
    int r = prepare(link, &err);
    if (r < 0) {
        log_event(r == ERR_NOT_FOUND ? LOG_INFO : LOG_ERROR, "not_joined", "reason=%s",
                  LOGQ(err.text));
        arm(link->reconnect, NOT_JOINED_MS);
        return;
    }
    const struct dial_config config = {.base = link->base,
                                       .dns = link->dns,
                                       .ctx = link->ctx,
                                       .server = link->server,
                                       .path = "/agent/v1/link",
                                       .protocol = "croft.v1"};
    link->dial = dial_start(&config, on_dialled, link);
}

static void on_broker_message(json_t *message, void *arg)
{
    struct link *link = arg;
    const char *type = json_get_string(message, "type", "");
    if (strcmp(type, "ready") == 0) {
        arm(link->reconnect, 0);
    } else if (strcmp(type, "fetch") == 0) {
        link_image_fetch(link, message);
    } else if (strcmp(type, "push") == 0) {
        link_upload(link, message);
    } else if (strcmp(type, "console_ended") == 0) {
        link_console_ended(link, message);
    } else if (link->ws) {
        send_text(link, message);
    }
}

static void on_broker_closed(const char *reason, void *arg)
{
    struct link *link = arg;
    event_base_loopbreak(link->base);
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    event_base_loopbreak(link->base);
}

static void run(struct link *link, int broker_fd)
{
    static const struct frame_handlers handlers = {on_broker_message, on_broker_closed};
    link->base = event_base_new();
    if (!link->base) {
        abort();
    }
    link->dns = link_dns_create(link->base);
    link->broker = frame_channel_create(link->base, broker_fd, &handlers, link);
    link->reconnect = evtimer_new(link->base, on_reconnect, link);
    link->renew = evtimer_new(link->base, on_renew, link);
    struct event *terminate = evsignal_new(link->base, SIGTERM, on_terminate, link);
    if (!link->reconnect || !link->renew || !terminate) {
        abort();
    }
    event_add(terminate, NULL);
    link_console_start(link);
    arm(link->renew, RENEW_CHECK_MS);
    event_base_dispatch(link->base);
    event_free(terminate);
}

int link_main(const struct agent_config *config, int broker_fd, int handover)
{
    struct err err = {0};
    struct link link = {.config = config, .handover = handover, .pause_ms = PAUSE_MIN_MS};
    signal(SIGPIPE, SIG_IGN);
    if (privilege_drop(config->link_user, &err) < 0) {
        log_error("link_start", "error=%s", LOGQ(err.text));
        return 1;
    }
    // A change of user clears it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run(&link, broker_fd);
    // The kernel takes back what is left: connections in any state end with the process.
    _exit(0);
}
