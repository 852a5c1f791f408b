// The messages that come from the server, as field tables. Unknown fields are ignored (the server may be
// newer); what is known is checked for type and bounds.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdint.h>

struct task_message {
    const char *task, *kind, *vps; // borrowed from the message
    int64_t epoch, seq, generation, deadline_s;
    json_t *spec; // borrowed; not looked into yet
    json_t *args; // the same; NULL: none
};

struct cancel_message {
    const char *task, *vps; // borrowed from the message
};

struct welcome_message {
    int64_t epoch, heartbeat_s, ping_s;
};

struct console_open_message {
    const char *console, *vps, *kind, *host; // borrowed from the message
    int64_t port;
};

struct fetch_message {
    const char *sha256; // 64 lower-case hex digits
    int64_t size;
};

struct fetched_message {
    const char *sha256;
    const char *code; // NULL: it is in incoming/; else an error's slug
    const char *detail;
};

struct push_message {
    const char *image; // its id
    const char *sha256;
    int64_t size;
};

struct pushed_message {
    const char *image;
    const char *code; // NULL: the server has it; else an error's slug
    const char *detail;
};

// Each checks message (any JSON object) and fills the structure. Fuzz targets.
int message_task(json_t *message, struct task_message *ret, struct err *err) _must_check_;
int message_cancel(json_t *message, struct cancel_message *ret, struct err *err) _must_check_;
int message_task_id(json_t *message, const char **ret_task, struct err *err) _must_check_;
int message_welcome(json_t *message, struct welcome_message *ret, struct err *err) _must_check_;
int message_usage_ack(json_t *message, int64_t *ret_batch, struct err *err) _must_check_;
// Items are borrowed from the message: each has a kind and a name that fit.
int message_drift_clean(json_t *message, json_t **ret_items, struct err *err) _must_check_;
int message_log_request(json_t *message, const char **ret_vps, struct err *err) _must_check_;
int message_console_open(json_t *message, struct console_open_message *ret,
                         struct err *err) _must_check_;
int message_fetch(json_t *message, struct fetch_message *ret, struct err *err) _must_check_;
int message_fetched(json_t *message, struct fetched_message *ret, struct err *err) _must_check_;
int message_push(json_t *message, struct push_message *ret, struct err *err) _must_check_;
int message_pushed(json_t *message, struct pushed_message *ret, struct err *err) _must_check_;
int message_certificate(json_t *message, const char **ret_pem, struct err *err) _must_check_;

// {code, detail} of a failure as messages carry it: valid UTF-8 without control characters, whatever a
// driver quoted in it. The server refuses anything else, again at each repetition.
json_t *message_error(const struct err *err);
