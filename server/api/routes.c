#include "routes.h"

#include "bodies_people.h"
#include "macro.h"
#include "routes_private.h"
#include "steps.h"
#include "uuid.h"

#include <string.h>

// A step list is what happens to a request, in order.
request_step *const route_steps_table[] = {step_limit_address, step_credentials, step_input,
                                           step_query, NULL};
static request_step *const slow[] = {step_limit_address, step_credentials, step_input,
                                     step_query,         step_prefer_wait, NULL};
static request_step *const task_read[] = {
    step_limit_address, step_credentials, step_input, step_wait_begin,
    step_query,         step_wait_task,   NULL};
static request_step *const vps_log[] = {
    step_limit_address, step_credentials, step_input, step_wait_begin,
    step_query,         step_wait_log,    NULL};
static request_step *const token_create[] = {step_limit_address, step_credentials, step_input,
                                             step_make_token,    step_query,       NULL};
static request_step *const join_token_create[] = {
    step_limit_address, step_credentials, step_input, step_make_join_token, step_query, NULL};
static request_step *const user_create[] = {
    step_limit_address, step_credentials, step_input, step_hash_password,
    step_put_password,  step_query,       NULL};
static request_step *const vps_password[] = {
    step_limit_address, step_credentials, step_input, step_make_vps_password,
    step_put_password,  step_query,       NULL};
static request_step *const signin[] = {
    step_limit_signin,   step_input, step_signin_find, step_verify_password, step_signin_create,
    step_session_answer, NULL};
static request_step *const password_change[] = {step_limit_address,   step_credentials,
                                                step_input,           step_person_find,
                                                step_verify_password, step_person_right,
                                                step_hash_password,   step_put_new_password,
                                                step_query,           NULL};
static request_step *const totp_begin[] = {
    step_limit_address, step_credentials,     step_input,
    step_person_find,   step_verify_password, step_person_right,
    step_totp_make,     step_query,           NULL};
static request_step *const totp_confirm[] = {
    step_limit_address, step_credentials, step_input, step_person_find,
    step_totp_confirm,  step_query,       NULL};
static request_step *const totp_delete[] = {
    step_limit_address, step_credentials, step_input, step_person_find,
    step_totp_code,     step_query,       NULL};
static request_step *const invite[] = {step_limit_address, step_credentials, step_input,
                                       step_make_link,     step_query,       NULL};
static request_step *const invitation_accept[] = {step_limit_signin,      step_input,
                                                  step_invitation_find,   step_invitee,
                                                  step_invitation_accept, NULL};
static request_step *const reset_request[] = {step_limit_signin, step_input, step_reset_request,
                                              NULL};
static request_step *const reset_confirm[] = {
    step_limit_signin, step_input, step_reset_find, step_hash_password, step_reset_confirm, NULL};
static request_step *const impersonate[] = {
    step_limit_address, step_credentials,    step_input, step_make_session_secrets,
    step_query,         step_session_answer, NULL};
static request_step *const refresh[] = {step_limit_address, step_input, step_refresh,
                                        step_session_answer, NULL};
static request_step *const signout[] = {step_limit_address, step_credentials,    step_input,
                                        step_query,         step_signout_cookie, NULL};
static request_step *const stream[] = {step_limit_address, step_credentials, step_input,
                                       step_stream_admit,  step_stream,      NULL};
static request_step *const webhook_create[] = {
    step_limit_address,       step_credentials, step_input, step_check_webhook,
    step_make_webhook_secret, step_query,       NULL};
static request_step *const webhook_update[] = {step_limit_address, step_credentials, step_input,
                                               step_check_webhook, step_query,       NULL};
static request_step *const webhook_rotate[] = {
    step_limit_address, step_credentials, step_input, step_make_webhook_secret, step_query, NULL};
static request_step *const console_create[] = {step_limit_address, step_credentials, step_input,
                                               step_make_ticket,   step_query,       NULL};
static request_step *const console_connect[] = {step_limit_address, step_input,
                                                step_console_connect, NULL};
static request_step *const healthz[] = {step_healthz, NULL};
static request_step *const readyz[] = {step_ping, step_readyz, NULL};
static request_step *const show_metrics[] = {step_metrics_find, step_metrics, NULL};
static request_step *const meta[] = {step_limit_address, step_meta, NULL};
static request_step *const openapi[] = {step_limit_address, step_openapi, NULL};

// clang-format off
static const struct route routes[] = {
    {GET,    "/healthz", .steps = healthz},
    {GET,    "/readyz", .steps = readyz},
    {GET,    "/metrics", .steps = show_metrics},
    {GET,    "/v1/meta", .steps = meta},
    {GET,    "/v1/openapi.yaml", .steps = openapi},

    {POST,   "/v1/sessions", .steps = signin, .body = body_session},
    {POST,   "/v1/sessions/refresh", .steps = refresh},
    {GET,    "/v1/session", TENANT(any, READ, ALL), .sql = SQL_PRINCIPAL_READ},
    {DELETE, "/v1/session", TENANT_BY(signout, any, READ, ALL), .sql = SQL_SESSION_DELETE},
    {GET,    "/v1/sessions", TENANT(profile, READ, ALL), .sql = SQL_SESSION_LIST, LIST},
    {DELETE, "/v1/sessions/{id}", OWN(profile, WRITE, ALL), .sql = SQL_SESSION_REVOKE},
    {GET,    "/v1/profile", TENANT(profile, READ, ALL), .sql = SQL_PROFILE_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/profile", OWN(profile, WRITE, ALL), .sql = SQL_PROFILE_UPDATE, .body = body_profile_patch, .flags = ROUTE_IF_MATCH},
    {POST,   "/v1/profile/password", OWN_BY(password_change, profile, WRITE, ALL), .sql = SQL_PASSWORD_CHANGE, .body = body_password_change},
    {POST,   "/v1/profile/totp", OWN_BY(totp_begin, profile, WRITE, ALL), .sql = SQL_TOTP_BEGIN, .body = body_password_proof},
    {DELETE, "/v1/profile/totp", OWN_BY(totp_delete, profile, WRITE, ALL), .sql = SQL_TOTP_DELETE},
    {POST,   "/v1/profile/totp/confirm", OWN_BY(totp_confirm, profile, WRITE, ALL), .sql = SQL_TOTP_CONFIRM, .body = body_totp},
    {POST,   "/v1/password-resets", .steps = reset_request, .body = body_reset},
    {POST,   "/v1/password-resets/confirm", .steps = reset_confirm, .body = body_reset_confirm},
    {GET,    "/v1/members", TENANT(members, READ, ALL), .sql = SQL_MEMBER_LIST, LIST},
    {GET,    "/v1/members/{id}", TENANT(members, READ, ALL), .sql = SQL_MEMBER_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/members/{id}", OWN(members, WRITE, MANAGERS), .sql = SQL_MEMBER_UPDATE, .body = body_member_patch, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/members/{id}", OWN(members, WRITE, ALL), .sql = SQL_MEMBER_DELETE},
    {GET,    "/v1/invitations", TENANT(members, READ, MANAGERS), .sql = SQL_INVITATION_LIST, LIST},
    {POST,   "/v1/invitations", OWN_BY(invite, members, WRITE, MANAGERS), .sql = SQL_INVITATION_CREATE, .body = body_invitation, IDEMPOTENT},
    {POST,   "/v1/invitations/accept", .steps = invitation_accept, .body = body_invitation_accept},
    {DELETE, "/v1/invitations/{id}", OWN(members, WRITE, MANAGERS), .sql = SQL_INVITATION_DELETE},
    {GET,    "/v1/tokens", TENANT(tokens, READ, ALL), .sql = SQL_TOKEN_LIST, LIST},
    {POST,   "/v1/tokens", OWN_BY(token_create, tokens, WRITE, WORKERS), .sql = SQL_TOKEN_CREATE, .body = body_token, IDEMPOTENT},
    {GET,    "/v1/tokens/{id}", TENANT(tokens, READ, ALL), .sql = SQL_TOKEN_READ},
    {DELETE, "/v1/tokens/{id}", OWN(tokens, WRITE, WORKERS), .sql = SQL_TOKEN_DELETE},

    {GET,    "/v1/locations", TENANT(catalogue, READ, ALL), .sql = SQL_LOCATION_LIST, LIST},
    {GET,    "/v1/locations/{id}", TENANT(catalogue, READ, ALL), .sql = SQL_LOCATION_READ, .flags = ROUTE_ETAG},
    {GET,    "/v1/plans", TENANT(catalogue, READ, ALL), .sql = SQL_PLAN_LIST, LIST},
    {GET,    "/v1/plans/{id}", TENANT(catalogue, READ, ALL), .sql = SQL_PLAN_READ, .flags = ROUTE_ETAG},
    {GET,    "/v1/images", TENANT(images, READ, ALL), .sql = SQL_IMAGE_LIST, LIST_OF(query_images)},
    {GET,    "/v1/images/{id}", TENANT(images, READ, ALL), .sql = SQL_IMAGE_READ, .flags = ROUTE_ETAG},
    {DELETE, "/v1/images/{id}", TENANT(images, WRITE, WORKERS), .sql = SQL_IMAGE_DELETE},
    {GET,    "/v1/plan-offers", TENANT(catalogue, READ, PAYERS), .sql = SQL_PLAN_OFFER_LIST, LIST},
    {GET,    "/v1/plan-offers/{id}", TENANT(catalogue, READ, PAYERS), .sql = SQL_PLAN_OFFER_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/plan-offers/{id}", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PLAN_OFFER_SET, .body = body_plan_offer, .flags = ROUTE_IF_MATCH_KNOWN},
    {DELETE, "/v1/plan-offers/{id}", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PLAN_OFFER_DELETE},
    {GET,    "/v1/quotas", TENANT(quotas, READ, ALL), .sql = SQL_QUOTA_LIST},
    {GET,    "/v1/quotas/holders", TENANT(quotas, READ, ALL), .sql = SQL_QUOTA_HOLDER_LIST, LIST_OF(query_holders)},

    {GET,    "/v1/tenants", TENANT(tenants, READ, PAYERS), .sql = SQL_TENANT_LIST, LIST_OF(query_tenants)},
    {POST,   "/v1/tenants", OWN(tenants, WRITE, MANAGERS), .sql = SQL_TENANT_CREATE, .body = body_tenant, IDEMPOTENT},
    {GET,    "/v1/tenants/{id}", TENANT(tenants, READ, ALL), .sql = SQL_TENANT_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/tenants/{id}", OWN(tenants, WRITE, MANAGERS), .sql = SQL_TENANT_UPDATE, .body = body_tenant_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/tenants/{id}/quotas", TENANT(quotas, READ, PAYERS), .sql = SQL_CHILD_QUOTA_LIST, .flags = ROUTE_ETAG},
    {PUT,    "/v1/tenants/{id}/quotas", OWN(quotas, WRITE, MANAGERS), .sql = SQL_CHILD_QUOTA_SET, .body = body_quotas, .flags = ROUTE_IF_MATCH},
    {POST,   "/v1/tenants/{id}/suspend", OWN(tenants, WRITE, MANAGERS), .sql = SQL_TENANT_SUSPEND, .body = body_suspend},
    {POST,   "/v1/tenants/{id}/resume", OWN(tenants, WRITE, MANAGERS), .sql = SQL_TENANT_RESUME},
    {POST,   "/v1/tenants/{id}/close", OWN(tenants, WRITE, MANAGERS), .sql = SQL_TENANT_CLOSE, .body = body_close},
    {GET,    "/v1/tenants/{id}/usage", TENANT(tenants, READ, PAYERS), .sql = SQL_TENANT_USAGE, .query = query_usage},

    {GET,    "/v1/vps", TENANT(vps, READ, ALL), .sql = SQL_VPS_LIST, LIST_OF(query_vps)},
    {POST,   "/v1/vps", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_CREATE, .body = body_vps, .query = query_dry_run, .flags = ORDER},
    {GET,    "/v1/vps/{id}", TENANT(vps, READ, ALL), .sql = SQL_VPS_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/vps/{id}", TENANT(vps, WRITE, WORKERS), .sql = SQL_VPS_UPDATE, .body = body_vps_patch, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/vps/{id}", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_DELETE, .query = query_delete, .flags = ROUTE_PREFER_WAIT},
    {POST,   "/v1/vps/{id}/start", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_START, .flags = ROUTE_IDEMPOTENT | ROUTE_PREFER_WAIT},
    {POST,   "/v1/vps/{id}/stop", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_STOP, .body = body_power, .flags = ORDER | ROUTE_BODY_OPTIONAL},
    {POST,   "/v1/vps/{id}/reboot", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_REBOOT, .body = body_power, .flags = ORDER | ROUTE_BODY_OPTIONAL},
    {POST,   "/v1/vps/{id}/freeze", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_FREEZE, .flags = ORDER},
    {POST,   "/v1/vps/{id}/thaw", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_THAW, .flags = ORDER},
    {POST,   "/v1/vps/{id}/hostname", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_HOSTNAME, .body = body_hostname, .flags = ORDER},
    {POST,   "/v1/vps/{id}/ssh-keys", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_SSH_KEYS, .body = body_ssh_keys, .flags = ORDER},
    {POST,   "/v1/vps/{id}/resize", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_RESIZE, .body = body_resize, .query = query_dry_run, .flags = ORDER},
    {POST,   "/v1/vps/{id}/undelete", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_UNDELETE, .flags = ORDER},
    {POST,   "/v1/vps/{id}/suspend", TENANT(vps, WRITE, MANAGERS), .sql = SQL_VPS_SUSPEND, .body = body_suspend, IDEMPOTENT},
    {POST,   "/v1/vps/{id}/resume", TENANT(vps, WRITE, MANAGERS), .sql = SQL_VPS_RESUME, IDEMPOTENT},
    {POST,   "/v1/vps/{id}/password", TENANT_BY(vps_password, vps, WRITE, WORKERS), .sql = SQL_VPS_PASSWORD, .body = body_vps_password, .flags = ROUTE_IDEMPOTENT | ROUTE_BODY_OPTIONAL},
    {POST,   "/v1/vps/{id}/console", TENANT_BY(console_create, vps, WRITE, WORKERS), .sql = SQL_CONSOLE_CREATE, .body = body_console, IDEMPOTENT},
    {GET,    "/v1/consoles/connect", .steps = console_connect, .query = query_console},
    {POST,   "/v1/vps/{id}/addresses", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_ADDRESS_ADD, .body = body_address, .flags = ORDER},
    {DELETE, "/v1/vps/{id}/addresses", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_ADDRESS_REMOVE, .query = query_address, .flags = ROUTE_PREFER_WAIT},
    {POST,   "/v1/vps/{id}/publish", SLOW(images, WRITE, WORKERS), .sql = SQL_VPS_PUBLISH, .body = body_publish, .flags = ORDER},
    {GET,    "/v1/vps/{id}/firewall", TENANT(network, READ, ALL), .sql = SQL_FIREWALL_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/vps/{id}/firewall", SLOW(network, WRITE, WORKERS), .sql = SQL_FIREWALL_SET, .body = body_firewall, .flags = ROUTE_IF_MATCH | ROUTE_PREFER_WAIT},
    {GET,    "/v1/vps/{id}/rdns", TENANT(network, READ, ALL), .sql = SQL_RDNS_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/vps/{id}/rdns", TENANT(network, WRITE, WORKERS), .sql = SQL_RDNS_SET, .body = body_rdns, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/vps/{id}/port-forwards", TENANT(network, READ, ALL), .sql = SQL_PORT_FORWARD_LIST, LIST},
    {POST,   "/v1/vps/{id}/port-forwards", SLOW(network, WRITE, WORKERS), .sql = SQL_PORT_FORWARD_CREATE, .body = body_port_forward, .flags = ORDER},
    {GET,    "/v1/port-forwards/{id}", TENANT(network, READ, ALL), .sql = SQL_PORT_FORWARD_READ, .flags = ROUTE_ETAG},
    {DELETE, "/v1/port-forwards/{id}", SLOW(network, WRITE, WORKERS), .sql = SQL_PORT_FORWARD_DELETE, .flags = ROUTE_PREFER_WAIT},
    {GET,    "/v1/ssh-keys", TENANT(vps, READ, ALL), .sql = SQL_SSH_KEY_LIST, LIST},
    {POST,   "/v1/ssh-keys", TENANT(vps, WRITE, WORKERS), .sql = SQL_SSH_KEY_CREATE, .body = body_ssh_key, IDEMPOTENT},
    {GET,    "/v1/ssh-keys/{id}", TENANT(vps, READ, ALL), .sql = SQL_SSH_KEY_READ},
    {DELETE, "/v1/ssh-keys/{id}", TENANT(vps, WRITE, WORKERS), .sql = SQL_SSH_KEY_DELETE},
    {GET,    "/v1/address-sets", TENANT(network, READ, ALL), .sql = SQL_ADDRESS_SET_LIST, LIST},
    {POST,   "/v1/address-sets", TENANT(network, WRITE, WORKERS), .sql = SQL_ADDRESS_SET_CREATE, .body = body_address_set, IDEMPOTENT},
    {GET,    "/v1/address-sets/{id}", TENANT(network, READ, ALL), .sql = SQL_ADDRESS_SET_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/address-sets/{id}", TENANT(network, WRITE, WORKERS), .sql = SQL_ADDRESS_SET_UPDATE, .body = body_address_set, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/address-sets/{id}", TENANT(network, WRITE, WORKERS), .sql = SQL_ADDRESS_SET_DELETE},
    {GET,    "/v1/networks", TENANT(network, READ, ALL), .sql = SQL_NETWORK_LIST, LIST},
    {POST,   "/v1/networks", TENANT(network, WRITE, WORKERS), .sql = SQL_NETWORK_CREATE, .body = body_network, IDEMPOTENT},
    {GET,    "/v1/networks/{id}", TENANT(network, READ, ALL), .sql = SQL_NETWORK_READ, .flags = ROUTE_ETAG},
    {DELETE, "/v1/networks/{id}", TENANT(network, WRITE, WORKERS), .sql = SQL_NETWORK_DELETE},
    {POST,   "/v1/networks/{id}/members", SLOW(network, WRITE, WORKERS), .sql = SQL_NETWORK_JOIN, .body = body_network_member, .flags = ORDER},
    {DELETE, "/v1/networks/{id}/members", SLOW(network, WRITE, WORKERS), .sql = SQL_NETWORK_LEAVE, .query = query_network_member, .flags = ROUTE_PREFER_WAIT},
    {GET,    "/v1/vps/{id}/snapshots", TENANT(snapshots, READ, ALL), .sql = SQL_SNAPSHOT_LIST, LIST_OF(query_snapshots)},
    {POST,   "/v1/vps/{id}/snapshots", SLOW(snapshots, WRITE, WORKERS), .sql = SQL_SNAPSHOT_CREATE, .body = body_snapshot, .flags = ORDER | ROUTE_BODY_OPTIONAL},
    {GET,    "/v1/vps/{id}/snapshot-schedule", TENANT(snapshots, READ, ALL), .sql = SQL_SCHEDULE_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/vps/{id}/snapshot-schedule", TENANT(snapshots, WRITE, WORKERS), .sql = SQL_SCHEDULE_SET, .body = body_schedule, .flags = ROUTE_IF_MATCH_KNOWN},
    {DELETE, "/v1/vps/{id}/snapshot-schedule", TENANT(snapshots, WRITE, WORKERS), .sql = SQL_SCHEDULE_DELETE},
    {GET,    "/v1/snapshots/{id}", TENANT(snapshots, READ, ALL), .sql = SQL_SNAPSHOT_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/snapshots/{id}", TENANT(snapshots, WRITE, WORKERS), .sql = SQL_SNAPSHOT_UPDATE, .body = body_snapshot, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/snapshots/{id}", SLOW(snapshots, WRITE, WORKERS), .sql = SQL_SNAPSHOT_DELETE, .flags = ROUTE_PREFER_WAIT},
    {POST,   "/v1/snapshots/{id}/restore", SLOW(vps, WRITE, WORKERS), .sql = SQL_SNAPSHOT_RESTORE, .flags = ORDER},
    {POST,   "/v1/vps/{id}/reinstall", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_REINSTALL, .body = body_reinstall, .flags = ORDER},
    {POST,   "/v1/vps/{id}/rescue", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_RESCUE, .body = body_rescue, .flags = ORDER | ROUTE_BODY_OPTIONAL},
    {POST,   "/v1/vps/{id}/unrescue", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_UNRESCUE, .flags = ORDER},
    {POST,   "/v1/vps/{id}/clone", SLOW(vps, WRITE, WORKERS), .sql = SQL_VPS_CLONE, .body = body_clone, .flags = ORDER},
    {GET,    "/v1/vps/{id}/limits", TENANT(vps, READ, ALL), .sql = SQL_VPS_LIMITS},
    {GET,    "/v1/vps/{id}/log", TENANT_BY(vps_log, vps, READ, WORKERS), .sql = SQL_VPS_LOG, .query = query_task},
    {GET,    "/v1/vps/{id}/usage", TENANT(vps, READ, ALL), .sql = SQL_VPS_USAGE, .query = query_usage},
    {GET,    "/v1/vps/{id}/usage/evidence", TENANT(vps, READ, ALL), .sql = SQL_VPS_EVIDENCE, .query = query_usage},
    {GET,    "/v1/vps/{id}/series", TENANT(vps, READ, ALL), .sql = SQL_VPS_SERIES, .query = query_series},

    {GET,    "/v1/tasks", TENANT(tasks, READ, ALL), .sql = SQL_TASK_LIST, LIST_OF(query_tasks)},
    {GET,    "/v1/tasks/{id}", TENANT_BY(task_read, tasks, READ, ALL), .sql = SQL_TASK_READ, .query = query_task, .flags = ROUTE_ETAG | ROUTE_TASK_WAIT},
    {POST,   "/v1/tasks/{id}/cancel", TENANT(tasks, WRITE, WORKERS), .sql = SQL_TASK_CANCEL},

    {GET,    "/v1/events", TENANT(events, READ, ALL), .sql = SQL_EVENT_LIST, LIST_OF(query_events)},
    {GET,    "/v1/events/stream", TENANT_BY(stream, events, READ, ALL), .sql = SQL_EVENT_FEED, .query = query_stream},

    {GET,    "/v1/webhooks", TENANT(webhooks, READ, MANAGERS), .sql = SQL_WEBHOOK_LIST, LIST_OF(query_webhooks)},
    {POST,   "/v1/webhooks", OWN_BY(webhook_create, webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_CREATE, .body = body_webhook, IDEMPOTENT},
    {GET,    "/v1/webhooks/{id}", TENANT(webhooks, READ, MANAGERS), .sql = SQL_WEBHOOK_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/webhooks/{id}", OWN_BY(webhook_update, webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_UPDATE, .body = body_webhook_patch, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/webhooks/{id}", OWN(webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_DELETE},
    {POST,   "/v1/webhooks/{id}/rotate-secret", OWN_BY(webhook_rotate, webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_ROTATE},
    {POST,   "/v1/webhooks/{id}/test", OWN(webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_TEST, IDEMPOTENT},
    {GET,    "/v1/webhooks/{id}/deliveries", TENANT(webhooks, READ, MANAGERS), .sql = SQL_WEBHOOK_DELIVERY_LIST, LIST_OF(query_deliveries)},
    {GET,    "/v1/webhook-deliveries/{id}", TENANT(webhooks, READ, MANAGERS), .sql = SQL_WEBHOOK_DELIVERY_READ},
    {POST,   "/v1/webhook-deliveries/{id}/redeliver", OWN(webhooks, WRITE, MANAGERS), .sql = SQL_WEBHOOK_REDELIVER},

    {GET,    "/v1/admin/tenants", OPERATOR(tenants, READ), .sql = SQL_ADMIN_TENANT_LIST, LIST_OF(query_admin_tenants)},
    {POST,   "/v1/admin/tenants", OPERATOR(tenants, WRITE), .sql = SQL_ADMIN_TENANT_CREATE, .body = body_admin_tenant, IDEMPOTENT},
    {GET,    "/v1/admin/tenants/{id}", OPERATOR(tenants, READ), .sql = SQL_ADMIN_TENANT_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/tenants/{id}", OPERATOR(tenants, WRITE), .sql = SQL_ADMIN_TENANT_UPDATE, .body = body_tenant_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/tenants/{id}/quotas", OPERATOR(quotas, READ), .sql = SQL_ADMIN_QUOTA_LIST, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/tenants/{id}/quotas", OPERATOR(quotas, WRITE), .sql = SQL_ADMIN_QUOTA_SET, .body = body_quotas, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/tenants/{id}/quotas/holders", OPERATOR(quotas, READ), .sql = SQL_ADMIN_QUOTA_HOLDER_LIST, LIST_OF(query_holders)},
    {PUT,    "/v1/admin/tenants/{id}/quota-overrides", OPERATOR(quotas, WRITE), .sql = SQL_ADMIN_QUOTA_OVERRIDE, .body = body_overrides, .flags = ROUTE_IF_MATCH},
    {POST,   "/v1/admin/tenants/{id}/suspend", OPERATOR(tenants, WRITE), .sql = SQL_ADMIN_TENANT_SUSPEND, .body = body_suspend},
    {POST,   "/v1/admin/tenants/{id}/resume", OPERATOR(tenants, WRITE), .sql = SQL_ADMIN_TENANT_RESUME},
    {POST,   "/v1/admin/tenants/{id}/close", OPERATOR(tenants, WRITE), .sql = SQL_ADMIN_TENANT_CLOSE, .body = body_close},
    {GET,    "/v1/admin/tenants/{id}/usage", OPERATOR(tenants, READ), .sql = SQL_ADMIN_TENANT_USAGE, .query = query_usage},
    {GET,    "/v1/admin/users", OPERATOR(members, READ), .sql = SQL_ADMIN_USER_LIST, LIST},
    {POST,   "/v1/admin/users", OPERATOR_BY(user_create, members, WRITE), .sql = SQL_ADMIN_USER_CREATE, .body = body_user, IDEMPOTENT},
    {POST,   "/v1/admin/impersonations", OPERATOR_BY(impersonate, members, WRITE), .sql = SQL_ADMIN_IMPERSONATION_CREATE, .body = body_impersonation, IDEMPOTENT},
    {GET,    "/v1/admin/users/{id}", OPERATOR(members, READ), .sql = SQL_ADMIN_USER_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/users/{id}", OPERATOR(members, WRITE), .sql = SQL_ADMIN_USER_UPDATE, .body = body_user_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/plans", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PLAN_LIST, LIST},
    {POST,   "/v1/admin/plans", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PLAN_CREATE, .body = body_plan, IDEMPOTENT},
    {GET,    "/v1/admin/plans/{id}", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PLAN_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/plans/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PLAN_UPDATE, .body = body_plan_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/plans/{id}/versions", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PLAN_VERSION_LIST, LIST},
    {POST,   "/v1/admin/plans/{id}/versions", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PLAN_VERSION_CREATE, .body = body_plan_version, IDEMPOTENT},
    {DELETE, "/v1/admin/plan-versions/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PLAN_VERSION_DELETE},
    {GET,    "/v1/admin/plans/{id}/tenants", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PLAN_VIEWERS_LIST, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/plans/{id}/tenants", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PLAN_VIEWERS_SET, .body = body_viewers, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/locations", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_LOCATION_LIST, LIST},
    {POST,   "/v1/admin/locations", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_LOCATION_CREATE, .body = body_location, IDEMPOTENT},
    {PATCH,  "/v1/admin/locations/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_LOCATION_UPDATE, .body = body_location_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/placement", OPERATOR(nodes, READ), .sql = SQL_ADMIN_PLACEMENT_READ, .query = query_placement},
    {GET,    "/v1/admin/nodes", OPERATOR(nodes, READ), .sql = SQL_ADMIN_NODE_LIST, LIST},
    {GET,    "/v1/admin/nodes/{id}", OPERATOR(nodes, READ), .sql = SQL_ADMIN_NODE_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/nodes/{id}", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_NODE_UPDATE, .body = body_node_patch, .flags = ROUTE_IF_MATCH},
    {POST,   "/v1/admin/nodes/{id}/revoke", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_NODE_REVOKE},
    {POST,   "/v1/admin/nodes/{id}/retire", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_NODE_RETIRE, .body = body_retire, .flags = ROUTE_BODY_OPTIONAL},
    {GET,    "/v1/admin/nodes/{id}/orphans", OPERATOR(nodes, READ), .sql = SQL_ADMIN_ORPHAN_LIST, LIST},
    {POST,   "/v1/admin/nodes/{id}/orphans/adopt", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_ORPHAN_ADOPT, .body = body_adopt},
    {POST,   "/v1/admin/nodes/{id}/orphans/delete", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_ORPHAN_DELETE, .body = body_orphan},
    {GET,    "/v1/admin/nodes/{id}/drift", OPERATOR(nodes, READ), .sql = SQL_ADMIN_DRIFT_LIST, LIST},
    {POST,   "/v1/admin/nodes/{id}/drift/clean", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_DRIFT_CLEAN, .body = body_drift},
    {GET,    "/v1/admin/nodes/{id}/check-report", OPERATOR(nodes, READ), .sql = SQL_ADMIN_CHECK_REPORT_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/nodes/{id}/check-report", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_CHECK_REPORT_SET, .body = body_check_report, .flags = ROUTE_IF_MATCH_KNOWN},
    {GET,    "/v1/admin/join-tokens", OPERATOR(nodes, READ), .sql = SQL_ADMIN_JOIN_TOKEN_LIST, LIST},
    {POST,   "/v1/admin/join-tokens", OPERATOR_BY(join_token_create, nodes, WRITE), .sql = SQL_ADMIN_JOIN_TOKEN_CREATE, .body = body_join_token, IDEMPOTENT},
    {DELETE, "/v1/admin/join-tokens/{id}", OPERATOR(nodes, WRITE), .sql = SQL_ADMIN_JOIN_TOKEN_DELETE},
    {GET,    "/v1/admin/pools", OPERATOR(network, READ), .sql = SQL_ADMIN_POOL_LIST, LIST},
    {POST,   "/v1/admin/pools", OPERATOR(network, WRITE), .sql = SQL_ADMIN_POOL_CREATE, .body = body_pool, IDEMPOTENT},
    {GET,    "/v1/admin/pools/{id}", OPERATOR(network, READ), .sql = SQL_ADMIN_POOL_READ},
    {DELETE, "/v1/admin/pools/{id}", OPERATOR(network, WRITE), .sql = SQL_ADMIN_POOL_DELETE},
    {GET,    "/v1/admin/images", OPERATOR(images, READ), .sql = SQL_ADMIN_IMAGE_LIST, LIST_OF(query_images)},
    {POST,   "/v1/admin/images", OPERATOR(images, WRITE), .sql = SQL_ADMIN_IMAGE_CREATE, .body = body_image, IDEMPOTENT},
    {GET,    "/v1/admin/images/{id}", OPERATOR(images, READ), .sql = SQL_ADMIN_IMAGE_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/images/{id}", OPERATOR(images, WRITE), .sql = SQL_ADMIN_IMAGE_UPDATE, .body = body_image_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/images/{id}/tenants", OPERATOR(images, READ), .sql = SQL_ADMIN_IMAGE_VIEWERS_LIST, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/images/{id}/tenants", OPERATOR(images, WRITE), .sql = SQL_ADMIN_IMAGE_VIEWERS_SET, .body = body_viewers, .flags = ROUTE_IF_MATCH},
    {DELETE, "/v1/admin/images/{id}", OPERATOR(images, WRITE), .sql = SQL_ADMIN_IMAGE_DELETE},
    {GET,    "/v1/admin/vps", OPERATOR(vps, READ), .sql = SQL_ADMIN_VPS_LIST, LIST_OF(query_admin_vps)},
    {GET,    "/v1/admin/usage/quarantine", OPERATOR(vps, READ), .sql = SQL_ADMIN_QUARANTINE_LIST, LIST},
    {GET,    "/v1/admin/vps/{id}/series", OPERATOR(vps, READ), .sql = SQL_ADMIN_VPS_SERIES, .query = query_series},
    {POST,   "/v1/admin/vps/{id}/lose", OPERATOR(vps, WRITE), .sql = SQL_ADMIN_VPS_LOSE},
    {GET,    "/v1/admin/tasks", OPERATOR(tasks, READ), .sql = SQL_ADMIN_TASK_LIST, LIST_OF(query_admin_tasks)},
    {POST,   "/v1/admin/tasks/{id}/cancel", OPERATOR(tasks, WRITE), .sql = SQL_ADMIN_TASK_CANCEL},
    {POST,   "/v1/admin/tasks/{id}/retry", OPERATOR(tasks, WRITE), .sql = SQL_ADMIN_TASK_RETRY},
    {GET,    "/v1/admin/system", OPERATOR(nodes, READ), .sql = SQL_ADMIN_SYSTEM_READ},
    {GET,    "/v1/admin/events", OPERATOR(events, READ), .sql = SQL_ADMIN_EVENT_LIST, LIST_OF(query_admin_events)},
    {GET,    "/v1/admin/events/stream", OPERATOR_BY(stream, events, READ), .sql = SQL_ADMIN_EVENT_FEED, .query = query_admin_stream},
};
// clang-format on

int routes_count(void)
{
    return (int)ARRAY_LEN(routes) + routes_billing_count;
}

const struct route *route_at(int index)
{
    const int here = (int)ARRAY_LEN(routes);
    return index < here ? &routes[index] : &routes_billing[index - here];
}

static const struct {
    enum evhttp_cmd_type method;
    const char *name;
} method_names[] = {
    {GET, "GET"},
    {POST, "POST"},
    {PUT, "PUT"},
    {PATCH, "PATCH"},
    {DELETE, "DELETE"},
    {EVHTTP_REQ_HEAD, "HEAD"},
    {EVHTTP_REQ_OPTIONS, "OPTIONS"},
};

const char *route_method_name(enum evhttp_cmd_type method)
{
    for (size_t i = 0; i < ARRAY_LEN(method_names); i++) {
        if (method_names[i].method == method) {
            return method_names[i].name;
        }
    }
    return "OTHER";
}

static const struct {
    unsigned role;
    const char *name;
} role_names[] = {
    {ROLE_OWNER, "owner"},     {ROLE_ADMIN, "admin"},   {ROLE_MEMBER, "member"},
    {ROLE_BILLING, "billing"}, {ROLE_VIEWER, "viewer"}, {ROLE_OPERATOR, "operator"},
    {ROLE_VISITOR, "visitor"},
};

void route_role_names(unsigned roles, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (roles & role_names[i].role && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "," : "",
                                     role_names[i].name);
        }
    }
}

bool route_reads(const struct route *route)
{
    const char *action = route->scope ? strchr(route->scope, ':') : NULL;
    return action && strcmp(action, ":" READ) == 0;
}

void route_allow(unsigned allowed, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(method_names); i++) {
        if (allowed & method_names[i].method && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     method_names[i].name);
        }
    }
}

// Whether path has the shape of the pattern; {id} takes one segment, which must be a UUID.
static bool matches(const char *pattern, const char *path, char id[ROUTE_ID + 1])
{
    const char *hole = strchr(pattern, '{');
    id[0] = '\0';
    if (!hole) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0 || strnlen(path + before, ROUTE_ID) < ROUTE_ID ||
        strcmp(path + before + ROUTE_ID, hole + strlen("{id}")) != 0) {
        return false;
    }
    memcpy(id, path + before, ROUTE_ID);
    id[ROUTE_ID] = '\0';
    return uuid_is(id);
}

void route_find(enum evhttp_cmd_type method, const char *path, struct route_match *ret_match)
{
    *ret_match = (struct route_match){.index = -1};
    for (int i = 0; i < routes_count(); i++) {
        const struct route *route = route_at(i);
        char id[ROUTE_ID + 1];
        if (!matches(route->path, path, id)) {
            continue;
        }
        ret_match->allowed |= route->method;
        if (route->method == method) {
            ret_match->route = route;
            ret_match->index = i;
            memcpy(ret_match->id, id, sizeof(id));
        }
    }
}
