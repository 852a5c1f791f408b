#include "dial.h"

#include "macro.h"
#include "ws.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <string.h>
#include <strings.h>

enum { HANDSHAKE_S = 15, HEAD_MAX = 16 * 1024, PATH_MAX_LEN = 128, PROTOCOL_MAX = 32 };

struct dial {
    struct bufferevent *bev;
    struct link_server server;
    char path[PATH_MAX_LEN], protocol[PROTOCOL_MAX];
    char key[25];
    struct event *failed; // could not even begin
    dial_done *done;
    void *arg;
};

void dial_cancel(struct dial *dial)
{
    if (dial) {
        if (dial->bev) {
            bufferevent_free(dial->bev);
        }
        event_free(dial->failed);
        free(dial);
    }
}

static void fail(struct dial *dial, enum err_code code, const char *why)
{
    dial_done *done = dial->done;
    void *arg = dial->arg;
    struct err err = {0};
    err_set(&err, code, "%s", why);
    dial_cancel(dial);
    done(NULL, &err, arg);
}

// The value of a header in a reply's head, or "" ; copies at most size bytes.
static void header_value(const char *head, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    *value = '\0';
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, name_len) == 0 && at[name_len] == ':') {
            at += name_len + 1;
            at += strspn(at, " \t");
            snprintf(value, size, "%.*s", (int)strcspn(at, "\r"), at);
            return;
        }
    }
}

static int check_upgrade(const struct dial *dial, const char *head, struct err *err)
{
    char value[128];
    char accept[29];
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        return err_set(err, ERR_UNAVAILABLE, "the server answered %.*s",
                       (int)strcspn(head, "\r\n") < 64 ? (int)strcspn(head, "\r\n") : 64, head);
    }
    ws_accept(dial->key, accept);
    header_value(head, "Sec-WebSocket-Accept", value, sizeof(value));
    if (strcmp(value, accept) != 0) {
        return err_set(err, ERR_PROTOCOL, "a wrong Sec-WebSocket-Accept");
    }
    header_value(head, "Sec-WebSocket-Protocol", value, sizeof(value));
    if (strcmp(value, dial->protocol) != 0) {
        return err_set(err, ERR_PROTOCOL, "the server does not speak %s", dial->protocol);
    }
    return 0;
}

static void succeed(struct dial *dial)
{
    dial_done *done = dial->done;
    void *arg = dial->arg;
    struct bufferevent *bev = STEAL(dial->bev);
    dial_cancel(dial);
    bufferevent_set_timeouts(bev, NULL, NULL);
    done(bev, NULL, arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct dial *dial = arg;
    struct err err = {0};
    struct evbuffer *input = bufferevent_get_input(bev);
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    if (end.pos < 0 || end.pos > HEAD_MAX) {
        if (evbuffer_get_length(input) > HEAD_MAX) {
            fail(dial, ERR_PROTOCOL, "the reply's head is too long");
        }
        return;
    }
    size_t len = (size_t)end.pos + 4;
    _cleanup_free_ char *head = calloc(1, len + 1);
    if (!head) {
        abort();
    }
    evbuffer_remove(input, head, len);
    if (check_upgrade(dial, head, &err) < 0) {
        fail(dial, err.code, err.text);
    } else {
        succeed(dial);
    }
}

static void send_upgrade(struct dial *dial)
{
    bool v6 = strchr(dial->server.host, ':') != NULL;
    ws_key(dial->key);
    evbuffer_add_printf(bufferevent_get_output(dial->bev),
                        "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n"
                        "User-Agent: croft-agent/%s\r\n\r\n",
                        dial->path, v6 ? "[" : "", dial->server.host, v6 ? "]" : "",
                        dial->server.port, dial->key, dial->protocol, CROFT_VERSION);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct dial *dial = arg;
    if (what & BEV_EVENT_CONNECTED) {
        send_upgrade(dial);
        return;
    }
    unsigned long code = bufferevent_get_openssl_error(bev);
    const char *tls = code ? ERR_reason_error_string(code) : NULL;
    fail(dial, ERR_UNAVAILABLE,
         tls                        ? tls
         : what & BEV_EVENT_TIMEOUT ? "timed out"
                                    : evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

static void on_failed(evutil_socket_t fd, short what, void *arg)
{
    fail(arg, ERR_UNAVAILABLE, "cannot connect");
}

struct dial *dial_start(const struct dial_config *config, dial_done *done, void *arg)
{
    static const struct timeval limit = {.tv_sec = HANDSHAKE_S};
    struct dial *dial = calloc(1, sizeof(*dial));
    if (!dial || !(dial->failed = evtimer_new(config->base, on_failed, dial))) {
        abort();
    }
    dial->server = config->server;
    dial->done = done;
    dial->arg = arg;
    snprintf(dial->path, sizeof(dial->path), "%s", config->path);
    snprintf(dial->protocol, sizeof(dial->protocol), "%s", config->protocol);
    dial->bev = link_bufferevent(config->base, config->ctx, &dial->server);
    bufferevent_setcb(dial->bev, on_read, NULL, on_event, dial);
    bufferevent_set_timeouts(dial->bev, &limit, &limit);
    bufferevent_enable(dial->bev, EV_READ | EV_WRITE);
    // Its callbacks are deferred, so none of them has run yet.
    if (bufferevent_socket_connect_hostname(dial->bev, config->dns, AF_UNSPEC, dial->server.host,
                                            dial->server.port) < 0) {
        event_active(dial->failed, EV_TIMEOUT, 0);
    }
    return dial;
}
