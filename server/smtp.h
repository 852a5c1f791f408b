// Sending one mail at a time or several, by SMTP, with libcurl on the event loop.
#pragma once

#include "err.h"

#include <event2/event.h>

struct smtp_config {
    const char *server; // host:port
    const char *tls; // none, starttls, tls
    const char *ca_file; // NULL: the system's
    const char *user, *password; // NULL: none
    const char *from; // address
    int timeout_s;
};

struct smtp;

// error NULL: the server took it. code: what the server answered last, 0 if nothing.
typedef void smtp_done(const char *error, long code, void *arg);

int smtp_create(struct event_base *base, const struct smtp_config *config, struct smtp **ret_smtp,
                struct err *err) _must_check_;
// Calls nobody back.
void smtp_destroy(struct smtp *smtp);

// Takes the message over. done comes from the loop, once.
int smtp_send(struct smtp *smtp, const char *to, char *message, smtp_done *done, void *arg,
              struct err *err) _must_check_;
