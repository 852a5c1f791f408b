// Cuts what stays open, event streams and consoles, when the token, the session, the user or the tenant that opened it no
// longer may, or the vps that it is of stops: PostgreSQL says so by NOTIFY croft_revoked (migrations/functions/23-revocation.sql). Agents' links are no part
// of it. A cut is no judgement: who is cut may come back and is then authenticated anew. After a lost LISTEN connection
// everything is cut, since notices may have been missed.
#pragma once

#include "db.h"

struct revocations; // of one worker
struct revocation; // one stream's or console's watch

// Ids as text; NULL: none. Copied.
struct revocation_who {
    const char *token, *session, *user, *tenant;
    const char *vps; // which is to run no more
    int valid_s; // until token or session expires; 0: never
};

enum revocation_cause {
    REVOCATION_SAID, // by a notice
    REVOCATION_EXPIRED,
    REVOCATION_UNSURE, // notices may have been missed
};

// Called once, from the event loop, never from within revocation_watch(). The owner closes what it has and ends the watch.
typedef void revocation_cut(enum revocation_cause cause, void *arg);

struct revocations *revocations_create(struct event_base *base);
// From then on the database's notices arrive; it keeps calling until it is destroyed.
void revocations_listen(struct revocations *revocations, struct db *db);
void revocations_destroy(struct revocations *revocations); // no watch may be left

// Begins when authentication has succeeded. since_ms: monotonic time from before it was asked, so that a notice
// which came in between is not missed.
struct revocation *revocation_watch(struct revocations *revocations,
                                    const struct revocation_who *who, int64_t since_ms,
                                    revocation_cut *cut, void *arg);
void revocation_end(struct revocation *watch); // NULL: nothing

// A notice as it arrives, "token:<id>"; NULL: some may have been missed. now_ms: monotonic.
void revocations_notice(struct revocations *revocations, const char *notice, int64_t now_ms);
