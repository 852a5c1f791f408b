// One attempt to deliver a message: the name is looked up once, every address of it must be public, the connection goes to
// exactly the one that was checked, and nothing that the target answers leads anywhere else.
#pragma once

#include "webhook_target.h"

#include <event2/event.h>
#include <stdint.h>

struct webhook_sender; // of one worker
struct webhook_send; // one attempt

struct webhook_sender_config {
    struct target_rules rules;
    const char *ca_file; // NULL: the system's
    int timeout_s; // of an attempt, and before it of the look-up
};

enum { WEBHOOK_RESPONSE_MAX = 1024 };

struct webhook_message {
    const char *url;
    const char *id; // webhook-id
    const char *body; // JSON
    const char *secret, *old_secret; // NULL: no old one
    int attempt; // from 1: later ones try other addresses of the name
};

struct webhook_result {
    int status; // 0: the target did not answer
    const char *error; // NULL: it did
    const char *response; // its first bytes, made printable
    int64_t duration_ms;
};

typedef void webhook_sent(const struct webhook_result *result, void *arg);

struct webhook_sender *webhook_sender_create(struct event_base *base,
                                             const struct webhook_sender_config *config);
void webhook_sender_destroy(struct webhook_sender *sender); // no attempt may be left

// Everything is copied. sent is called once, from the event loop, never from within; then the attempt is gone.
struct webhook_send *webhook_send_start(struct webhook_sender *sender,
                                        const struct webhook_message *message, webhook_sent *sent,
                                        void *arg);
void webhook_send_cancel(struct webhook_send *send); // sent is not called any more
