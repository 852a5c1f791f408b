// GET /agent/v1/link: the WebSocket handshake (RFC 6455, 4.2) on the server's side.
#include "hub_private.h"

#include "log.h"
#include "ws.h"

#include <string.h>
#include <strings.h>

static const char protocol[] = "croft.v1";

// Whether a comma-separated header holds the word.
static bool has_word(const char *header, const char *word,
                     int (*compare)(const char *, const char *, size_t))
{
    size_t word_len = strlen(word);
    for (const char *at = header; at && *at;) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ",");
        size_t next = len;
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t')) {
            len--;
        }
        if (len == word_len && compare(at, word, len) == 0) {
            return true;
        }
        at += next;
    }
    return false;
}

// 16 bytes in base64.
static bool is_key(const char *key)
{
    return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

int hub_upgrade_check(struct edge_request *request, struct err *err)
{
    const char *version = edge_header(request, "Sec-WebSocket-Version");
    size_t body_len;
    edge_body(request, &body_len);
    if (!has_word(edge_header(request, "Upgrade"), "websocket", strncasecmp) ||
        !has_word(edge_header(request, "Connection"), "upgrade", strncasecmp) || body_len > 0) {
        return err_set(err, ERR_MALFORMED, "This path only upgrades to a WebSocket.");
    }
    if (!version || strcmp(version, "13") != 0) {
        edge_add_header(request, "Sec-WebSocket-Version", "13");
        return err_set(err, ERR_MALFORMED, "The WebSocket version must be 13.");
    }
    if (!is_key(edge_header(request, "Sec-WebSocket-Key"))) {
        return err_set(err, ERR_MALFORMED, "Sec-WebSocket-Key is not 16 bytes in base64.");
    }
    if (!has_word(edge_header(request, "Sec-WebSocket-Protocol"), protocol, strncmp)) {
        return err_set(err, ERR_MALFORMED, "This server speaks %s.", protocol);
    }
    return 0;
}

void hub_upgrade(struct hub_call *call, const struct db_rows *rows)
{
    struct edge_request *request = call->request;
    if (call->hub->draining) {
        struct err err = {0};
        err_set(&err, ERR_UNAVAILABLE, "This worker is going away.");
        hub_call_fail(call, &err);
        return;
    }
    char accept[29];
    char peer[64];
    ws_accept(edge_header(request, "Sec-WebSocket-Key"), accept);
    snprintf(peer, sizeof(peer), "%s", edge_peer(request));
    edge_add_header(request, "Upgrade", "websocket");
    edge_add_header(request, "Connection", "Upgrade");
    edge_add_header(request, "Sec-WebSocket-Accept", accept);
    edge_add_header(request, "Sec-WebSocket-Protocol", protocol);
    struct bufferevent *bev = edge_upgrade(request);
    if (bev) { // else the agent left in the meantime
        hub_link_start(call->hub, bev, call->node, call->serial, peer);
    }
    hub_call_end(call);
}
