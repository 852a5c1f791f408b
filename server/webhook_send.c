#include "webhook_send.h"

#include "address.h"
#include "macro.h"
#include "outbound.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// What a target may say before it is cut off.
enum { CONNECT_S = 5, HEAD_MAX = 65536, BODY_MAX = 65536 };

struct webhook_sender {
    struct event_base *base;
    struct evdns_base *dns;
    struct outbound *outbound;
    struct webhook_sender_config config;
};

struct lookup {
    struct webhook_send *send; // NULL: nobody waits for it
};

struct webhook_send {
    struct webhook_sender *sender;
    webhook_sent *sent;
    void *arg;
    struct target target;
    char *url, *id, *body, *secret, *old_secret;
    int attempt;
    struct lookup *lookup; // the one under way
    struct sockaddr_storage address; // the one that was checked
    socklen_t address_len;
    struct event *turn; // the next step, or the end of the time for it
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char response[WEBHOOK_RESPONSE_MAX + 1];
    size_t response_len, body_len, head_len;
    int64_t started_ms;
    struct err err;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- The end

static void send_free(struct webhook_send *send)
{
    event_free(send->turn);
    if (send->lookup) {
        send->lookup->send = NULL;
    }
    if (send->easy) {
        curl_easy_cleanup(send->easy);
    }
    curl_slist_free_all(send->headers);
    curl_slist_free_all(send->connect_to);
    free(send->url);
    free(send->id);
    free(send->body);
    free(send->secret);
    free(send->old_secret);
    free(send);
}

static void finish(struct webhook_send *send, int status)
{
    struct webhook_result result = {
        .status = status,
        .error = send->err.code == ERR_OK ? NULL : send->err.text,
        .response = send->response,
        .duration_ms = now_ms() - send->started_ms,
    };
    send->sent(&result, send->arg);
    send_free(send);
}

// ---- The transfer

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct webhook_send *send = arg;
    size_t len = size * count;
    for (size_t i = 0; i < len && send->response_len < WEBHOOK_RESPONSE_MAX; i++) {
        bool plain = (bytes[i] >= ' ' && bytes[i] < 0x7f) || bytes[i] == '\n' || bytes[i] == '\t';
        send->response[send->response_len++] = plain ? bytes[i] : '?';
    }
    send->body_len += len;
    return send->body_len > BODY_MAX ? 0
                                     : len; // the status is known by now; the rest is not wanted
}

static size_t on_head(char *bytes, size_t size, size_t count, void *arg)
{
    struct webhook_send *send = arg;
    send->head_len += size * count;
    return send->head_len > HEAD_MAX ? 0 : size * count;
}

// The last gate: whatever libcurl has made of the URL, it connects to the address that was checked or not at all.
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    const struct webhook_send *send = arg;
    if (purpose != CURLSOCKTYPE_IPCXN || to->addrlen != send->address_len ||
        evutil_sockaddr_cmp(&to->addr, (const struct sockaddr *)&send->address, 1) != 0) {
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
}

static void on_transferred(CURLcode code, void *arg)
{
    struct webhook_send *send = arg;
    long status = 0;
    curl_easy_getinfo(send->easy, CURLINFO_RESPONSE_CODE, &status);
    bool cut = code == CURLE_WRITE_ERROR && send->body_len > BODY_MAX;
    if (code != CURLE_OK && !cut) {
        err_set(&send->err, ERR_UNAVAILABLE, "%s", curl_easy_strerror(code));
        status = 0;
    } else if (status >= 300 && status < 400) {
        err_set(&send->err, ERR_INVALID,
                "The target answered with a redirect, which is not followed.");
    }
    finish(send, (int)status);
}

static void add_header(struct webhook_send *send, const char *name, const char *value)
{
    char line[512];
    snprintf(line, sizeof(line), "%s: %s", name, value);
    send->headers = curl_slist_append(send->headers, line);
}

static int add_headers(struct webhook_send *send, struct err *err)
{
    char timestamp[24], signature[SIGNATURE_MAX], old[SIGNATURE_MAX] = "";
    char both[2 * SIGNATURE_MAX + 2];
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)time(NULL));
    int r = webhook_sign(send->secret, send->id, timestamp, send->body, signature, err);
    if (r == 0 && send->old_secret) {
        r = webhook_sign(send->old_secret, send->id, timestamp, send->body, old, err);
    }
    snprintf(both, sizeof(both), "%s%s%s", signature, *old ? " " : "", old);
    add_header(send, "webhook-id", send->id);
    add_header(send, "webhook-timestamp", timestamp);
    add_header(send, "webhook-signature", both);
    add_header(send, "Content-Type", "application/cloudevents+json");
    add_header(send, "Expect", ""); // no waiting for a 100
    return r;
}

static void connect_to(struct webhook_send *send)
{
    char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 32];
    bool v6 = send->address.ss_family == AF_INET6;
    const void *bytes = v6 ? (const void *)&((struct sockaddr_in6 *)&send->address)->sin6_addr
                           : (const void *)&((struct sockaddr_in *)&send->address)->sin_addr;
    evutil_inet_ntop(send->address.ss_family, bytes, host, sizeof(host));
    snprintf(text, sizeof(text), v6 ? "::[%s]:%s" : "::%s:%s", host, send->target.port);
    send->connect_to = curl_slist_append(NULL, text); // for every host and port
    curl_easy_setopt(send->easy, CURLOPT_CONNECT_TO, send->connect_to);
}

static void set_options(struct webhook_send *send)
{
    const struct webhook_sender_config *config = &send->sender->config;
    CURL *easy = send->easy;
    curl_easy_setopt(easy, CURLOPT_URL, send->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                     config->rules.allow_http ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); // never one that was checked for another
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)config->timeout_s);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "croft/" CROFT_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, send->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, send->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(send->body));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, send);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, send);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, send);
    if (config->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    }
}

static void transfer(struct webhook_send *send)
{
    send->easy = curl_easy_init();
    if (!send->easy) {
        abort();
    }
    if (add_headers(send, &send->err) < 0) {
        finish(send, 0);
        return;
    }
    set_options(send);
    connect_to(send);
    outbound_start(send->sender->outbound, send->easy, on_transferred, send);
}

// ---- Before it: the address

// Every address of the name must do, then one is taken; the next attempt takes another.
static void choose(struct webhook_send *send, const struct evutil_addrinfo *list)
{
    int count = 0;
    for (const struct evutil_addrinfo *a = list; a; a = a->ai_next, count++) {
        if (!send->sender->config.rules.allow_private && address_reserved(a->ai_addr)) {
            err_set(&send->err, ERR_INVALID, "%s leads to an address that is not public.",
                    send->target.host);
            return;
        }
    }
    const struct evutil_addrinfo *chosen = list;
    for (int skip = count > 0 ? (send->attempt - 1) % count : 0; skip > 0; skip--) {
        chosen = chosen->ai_next;
    }
    if (!chosen || chosen->ai_addrlen > sizeof(send->address)) {
        err_set(&send->err, ERR_UNAVAILABLE, "%s has no address.", send->target.host);
        return;
    }
    memcpy(&send->address, chosen->ai_addr, chosen->ai_addrlen);
    send->address_len = (socklen_t)chosen->ai_addrlen;
}

// Whoever stops waiting leaves the look-up behind: the resolver ends it in its own time. May be called from within
// evdns_getaddrinfo(), so that what follows has a turn of its own.
static void on_found(int error, struct evutil_addrinfo *list, void *arg)
{
    struct lookup *lookup = arg;
    struct webhook_send *send = lookup->send;
    free(lookup);
    if (send) {
        send->lookup = NULL;
        if (error) {
            err_set(&send->err, ERR_UNAVAILABLE, "%s cannot be looked up: %s.", send->target.host,
                    evutil_gai_strerror(error));
        } else {
            choose(send, list);
        }
        event_active(send->turn, EV_TIMEOUT, 0);
    }
    if (list) {
        evutil_freeaddrinfo(list);
    }
}

static void look_up(struct webhook_send *send)
{
    struct timeval tv = {send->sender->config.timeout_s, 0};
    struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    evtimer_add(send->turn, &tv);
    send->lookup = calloc(1, sizeof(*send->lookup));
    send->lookup->send = send;
    evdns_getaddrinfo(send->sender->dns, send->target.host, send->target.port, &hints, on_found,
                      send->lookup);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct webhook_send *send = arg;
    evtimer_del(send->turn);
    if (send->err.code == ERR_OK && send->address_len > 0) {
        transfer(send);
        return;
    }
    if (send->err.code == ERR_OK) {
        err_set(&send->err, ERR_TIMEOUT, "%s was not looked up in time.", send->target.host);
    }
    finish(send, 0);
}

// ---- Life

struct webhook_send *webhook_send_start(struct webhook_sender *sender,
                                        const struct webhook_message *message, webhook_sent *sent,
                                        void *arg)
{
    struct webhook_send *send = calloc(1, sizeof(*send));
    send->sender = sender;
    send->sent = sent;
    send->arg = arg;
    send->attempt = message->attempt > 0 ? message->attempt : 1;
    send->url = strdup(message->url);
    send->id = strdup(message->id);
    send->body = strdup(message->body);
    send->secret = strdup(message->secret);
    send->old_secret = message->old_secret ? strdup(message->old_secret) : NULL;
    send->started_ms = now_ms();
    send->turn = evtimer_new(sender->base, on_turn, send);
    if (target_parse(send->url, &sender->config.rules, &send->target, &send->err) < 0) {
        event_active(send->turn, EV_TIMEOUT, 0);
    } else {
        look_up(send);
    }
    return send;
}

void webhook_send_cancel(struct webhook_send *send)
{
    if (send->easy) {
        outbound_cancel(send->sender->outbound, send->easy);
    }
    send_free(send);
}

struct webhook_sender *webhook_sender_create(struct event_base *base,
                                             const struct webhook_sender_config *config)
{
    struct webhook_sender *sender = calloc(1, sizeof(*sender));
    sender->base = base;
    sender->config = *config;
    sender->outbound = outbound_create(base);
    sender->dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!sender->dns) {
        sender->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE); // no resolv.conf
    }
    evdns_base_search_clear(sender->dns); // a name means itself
    return sender;
}

void webhook_sender_destroy(struct webhook_sender *sender)
{
    if (sender) {
        outbound_destroy(sender->outbound);
        evdns_base_free(sender->dns, 1);
        free(sender);
    }
}
