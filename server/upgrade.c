#include "upgrade.h"

#include "ws.h"

#include <string.h>
#include <strings.h>

typedef int compare(const char *, const char *, size_t);

// The next word of a comma-separated header behind *at; NULL: there is none.
static const char *next_word(const char **at, size_t *ret_len)
{
    *at += strspn(*at, " \t,");
    const char *word = *at;
    size_t len = strcspn(word, ",");
    *at += len;
    while (len > 0 && (word[len - 1] == ' ' || word[len - 1] == '\t')) {
        len--;
    }
    *ret_len = len;
    return len > 0 ? word : NULL;
}

static bool has_word(const char *header, const char *word, compare *same)
{
    size_t len;
    for (const char *at = header, *found; at && (found = next_word(&at, &len));) {
        if (len == strlen(word) && same(found, word, len) == 0) {
            return true;
        }
    }
    return false;
}

bool upgrade_find_word(const char *header, const char *prefix, char *out, size_t size)
{
    size_t len;
    for (const char *at = header, *found; at && (found = next_word(&at, &len));) {
        if (len < size && strncmp(found, prefix, strlen(prefix)) == 0) {
            snprintf(out, size, "%.*s", (int)len, found);
            return true;
        }
    }
    return false;
}

// 16 bytes in base64.
static bool is_key(const char *key)
{
    return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

int upgrade_check(struct edge_request *request, const char *protocol, struct err *err)
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

struct bufferevent *upgrade_accept(struct edge_request *request, const char *protocol)
{
    char accept[29];
    ws_accept(edge_header(request, "Sec-WebSocket-Key"), accept);
    edge_add_header(request, "Upgrade", "websocket");
    edge_add_header(request, "Connection", "Upgrade");
    edge_add_header(request, "Sec-WebSocket-Accept", accept);
    edge_add_header(request, "Sec-WebSocket-Protocol", protocol);
    return edge_upgrade(request);
}
