// Sending one mail at a time or several, by SMTP, with libcurl on the event loop.
#pragma once

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

enum smtp_outcome {
    SMTP_SENT, // the server took it
    SMTP_FAILED, // it may be taken later
    SMTP_REFUSED, // it never will be
};

// error NULL: sent.
typedef void smtp_done(enum smtp_outcome outcome, const char *error, void *arg);

struct smtp *smtp_create(struct event_base *base, const struct smtp_config *config);
// Calls nobody back.
void smtp_destroy(struct smtp *smtp);

// Takes the message over. done comes from the loop, once.
void smtp_send(struct smtp *smtp, const char *to, char *message, smtp_done *done, void *arg);
