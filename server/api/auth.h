// Who asks: the bearer token of a request, and the first statement of its pipeline.
#pragma once

#include "db.h"

struct request;

enum credentials_kind { CREDENTIALS_NONE, CREDENTIALS_TOKEN, CREDENTIALS_SESSION };

struct credentials {
    enum credentials_kind kind;
    char key[65]; // SHA-256 of the token, or the session's id
    char name[48]; // for logs: no secret
};

// Reads the Authorization header. ERR_UNAUTHENTICATED if it is missing or is no credential.
int auth_read(struct request *request, struct err *err) _must_check_;

// The step that enters the tenant's or the operator's context, or raises.
void auth_step(const struct request *request, struct db_step *ret_step);

// The role under which the route's own statement is planned.
enum db_role auth_role(const struct request *request);
