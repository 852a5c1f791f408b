// The WebSocket handshake (RFC 6455, 4.2) on the server's side, for agents and for consoles.
#pragma once

#include "edge.h"

// Whether the request asks for a WebSocket that speaks protocol. ERR_MALFORMED says what is wrong; a header that
// belongs to that answer has been added.
int upgrade_check(struct edge_request *request, const char *protocol, struct err *err) _must_check_;

// Answers 101; the request is gone. NULL: the client has left. To be checked before.
struct bufferevent *upgrade_accept(struct edge_request *request, const char *protocol) _must_check_;

// The word of a comma-separated header that begins with prefix, copied to out; false: there is none that fits.
bool upgrade_find_word(const char *header, const char *prefix, char *out, size_t size);
