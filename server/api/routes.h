// The table of contents: every endpoint, as a row. Pure; the router is a fuzz target.
#pragma once

#include "db.h"
#include "field.h"

#include <event2/http.h>
#include <stdbool.h>

struct request;

enum step_result {
    STEP_NEXT, // go on with the next step
    STEP_WAIT, // somebody calls request_run() later
    STEP_DONE, // answer: request->err if it is set, else request->answer
};

typedef enum step_result request_step(struct request *request);

enum route_auth { AUTH_NONE, AUTH_TENANT, AUTH_OPERATOR };

enum route_flags {
    ROUTE_LIST = 1 << 0, // Link: rel="next"
    ROUTE_ETAG = 1 << 1, // If-None-Match is honoured
    ROUTE_IF_MATCH = 1 << 2, // If-Match is required
    ROUTE_IDEMPOTENT = 1 << 3, // Idempotency-Key is honoured
    ROUTE_PREFER_WAIT = 1 << 4, // Prefer: wait=N is honoured
    ROUTE_TASK_WAIT = 1 << 5, // ?wait=N is honoured
    ROUTE_BODY_OPTIONAL = 1 << 6, // no body is an empty one
    ROUTE_IF_MATCH_KNOWN =
        1 << 7, // If-Match is required by the statement, where there is something
    ROUTE_CHARGES = 1 << 9, // needs billing.mode export or full
    ROUTE_MONEY = 1 << 10, // needs billing.mode full
    ROUTE_CSV = 1 << 8, // `Accept: text/csv` is ?format=csv, and such an answer is CSV
};

enum route_roles {
    ROLE_OWNER = 1 << 0,
    ROLE_ADMIN = 1 << 1,
    ROLE_MEMBER = 1 << 2,
    ROLE_BILLING = 1 << 3,
    ROLE_VIEWER = 1 << 4,
    ROLE_OPERATOR = 1 << 5, // of the platform; of AUTH_OPERATOR routes alone
    ROLE_VISITOR = 1 << 6, // staff who act as a customer, in the customer's role besides
};

struct route {
    enum evhttp_cmd_type method;
    const char *path; // {id} stands for one UUID
    enum route_auth auth;
    const char *scope; // what a token must hold: "vps:read"; "any:read" is held by every token
    unsigned roles; // enum route_roles: who may; unless AUTH_NONE
    request_step *const *steps;
    enum sql_id sql; // of a table route
    const struct field *body; // NULL: none is taken
    const struct field *query; // NULL: none is taken
    unsigned flags;
};

enum { ROUTE_ID = 36, ROUTE_ROLES_MAX = 80 };

struct route_match {
    const struct route *route; // NULL: no such path, or not with this method
    int index;
    char id[ROUTE_ID + 1];
    unsigned allowed; // methods that the path has, as enum evhttp_cmd_type bits; 0: no such path
};

int routes_count(void);
const struct route *route_at(int index);
void route_find(enum evhttp_cmd_type method, const char *path, struct route_match *ret_match);
// Whether the scope is one that reads; NULL does not.
bool route_reads(const struct route *route);
// The names of the roles, "owner,admin"; what the database compares with the role of who asks.
void route_role_names(unsigned roles, char *out, size_t size);
const char *route_method_name(enum evhttp_cmd_type method);
// "GET, POST" of the bits.
void route_allow(unsigned allowed, char *out, size_t size);
