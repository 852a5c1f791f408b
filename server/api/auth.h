// Who asks: the bearer token of a request, and the first statement of its pipeline.
#pragma once

#include "db.h"

#include <stdbool.h>

struct request;
struct revocation_who;

enum credentials_kind { CREDENTIALS_NONE, CREDENTIALS_TOKEN, CREDENTIALS_SESSION };

struct credentials {
    enum credentials_kind kind;
    char key[65]; // SHA-256 of the token, or the session's id
    char user[37]; // whose session it says it is; empty: of a token
    char name[48]; // for logs: no secret
};

// Reads the Authorization header. ERR_UNAUTHENTICATED if it is missing or is no credential.
int auth_read(struct request *request, struct err *err) _must_check_;

// Whether auth_step() takes the short way in, which a read with a token may: a plain statement that enters
// the tenant's context or, showing no row, enters nothing. Then the statement behind it lacks every right
// (42501), and the full way, taken next, says why or succeeds.
bool auth_is_quick(const struct request *request);

// The step that enters the tenant's or the operator's context, or raises.
void auth_step(struct request *request, struct db_step *ret_step);

// After an answer: once a minute the short way in is followed by the full one, which notes the use.
void auth_note_use(struct request *request, const struct db_rows *entered);

// Who was let in, as the first statement said: for revocation_watch(). Borrowed from the rows.
void auth_who(const struct db_rows *entered, struct revocation_who *ret_who);

// The role under which the route's own statement is planned.
enum db_role auth_role(const struct request *request);
