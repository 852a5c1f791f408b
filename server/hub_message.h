// What an agent may say over its link: one table of types and fields. Nothing of an agent's message
// is used before hub_message_read() has accepted the whole of it. Used by hub_link.c.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HUB_MESSAGE_MAX = 1024 * 1024, HUB_KEY_SIZE = 64 };

enum hub_message_type {
    HUB_HELLO,
    HUB_TASK_PROGRESS,
    HUB_TASK_RESULT,
    HUB_INVENTORY,
    HUB_USAGE,
    HUB_EVIDENCE,
    HUB_LOG,
    HUB_HEARTBEAT,
    HUB_DRIFT,
    HUB_CERTIFICATE_REQUEST,
    HUB_MESSAGE_TYPES,
};

struct hub_message {
    enum hub_message_type type;
    int64_t epoch; // 0 for hello
    // A later message of the same key says all that this one says; "" means that each one counts.
    char key[HUB_KEY_SIZE];
    char *csr; // HUB_CERTIFICATE_REQUEST
    char *text; // NUL-terminated JSON, as it came; of usage as hub_usage.h makes it
};

// text is one frame. ERR_PROTOCOL with the place of the error for anything that is not exactly a known
// message. *ret_message: hub_message_finish().
int hub_message_read(const char *text, size_t len, struct hub_message *ret_message,
                     struct err *err) _must_check_;
void hub_message_finish(struct hub_message *message);
const char *hub_message_name(enum hub_message_type type);
