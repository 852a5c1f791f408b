// Sends what the outbox holds. Any worker may; each mail is leased to one (croft_mail_claim()), tried again with growing pauses and
// given up after twelve attempts or when the mail server refuses it for good.
#pragma once

#include "err.h"

#include <event2/event.h>

struct db;
struct access_key;
struct server_config;
struct mailer;

// Without a mail server and a file in the configuration nothing is sent, and mails wait until there is one.
int mailer_start(struct event_base *base, struct db *db, const struct server_config *config,
                 struct mailer **ret_mailer, struct err *err) _must_check_;

// What is under way is sent again by another worker when its lease ends. NULL is fine.
void mailer_stop(struct mailer *mailer);
