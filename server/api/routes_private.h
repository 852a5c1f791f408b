// What rows of the table of contents are made of: for routes.c and the files of rows beside it.
#pragma once

#include "bodies.h"
#include "routes.h"

// What happens to a request of most rows.
extern request_step *const route_steps_table[];

// Rows that would not fit into routes.c.
extern const struct route routes_billing[];
extern const int routes_billing_count;

#define GET EVHTTP_REQ_GET
#define POST EVHTTP_REQ_POST
#define PUT EVHTTP_REQ_PUT
#define PATCH EVHTTP_REQ_PATCH
#define DELETE EVHTTP_REQ_DELETE

#define READ "read"
#define WRITE "write"

// Who may: of a tenant its roles, of the platform its staff. routes_check.c fails the build for a row without them.
#define OWNERS ROLE_OWNER
#define MANAGERS (ROLE_OWNER | ROLE_ADMIN)
#define WORKERS (MANAGERS | ROLE_MEMBER)
#define PAYERS (MANAGERS | ROLE_BILLING)
#define ALL (WORKERS | ROLE_BILLING | ROLE_VIEWER)
#define TENANT_BY(how, resource, action, who)                                                      \
    .auth = AUTH_TENANT, .scope = #resource ":" action, .roles = (who) | ROLE_VISITOR, .steps = how
#define OPERATOR_BY(how, resource, action)                                                         \
    .auth = AUTH_OPERATOR, .scope = #resource ":" action, .roles = ROLE_OPERATOR, .steps = how
#define TENANT(resource, action, who) TENANT_BY(route_steps_table, resource, action, who)
#define OPERATOR(resource, action) OPERATOR_BY(route_steps_table, resource, action)
#define SLOW(resource, action, who) TENANT_BY(slow, resource, action, who)
// Not for staff who act as the customer: what decides who gets in, who hears of it, or what others may have would outlive the
// visit (routes_check.c says which).
#define OWN_BY(how, resource, action, who)                                                         \
    .auth = AUTH_TENANT, .scope = #resource ":" action, .roles = who, .steps = how
#define OWN(resource, action, who) OWN_BY(route_steps_table, resource, action, who)

#define LIST .flags = ROUTE_LIST, .query = query_page
#define LIST_OF(fields) .flags = ROUTE_LIST, .query = fields
#define EXPORT_OF(fields) .flags = ROUTE_LIST | ROUTE_CSV, .query = fields
#define IDEMPOTENT .flags = ROUTE_IDEMPOTENT
#define ORDER (ROUTE_IDEMPOTENT | ROUTE_PREFER_WAIT)
