// The steps that routes are made of (routes.c has the lists).
#pragma once

#include "routes.h"

// steps_table.c: what every table route does
request_step step_limit_address; // by peer address
request_step step_credentials; // reads the token; limits by it
request_step step_input; // decodes query and body, makes $1
request_step step_query; // [authenticate, statement, Sync] in one round trip

// steps_wait.c
request_step step_wait_begin; // ?wait=N of a task: registers before the first look
request_step step_wait_log; // looks again until the node has sent the log
request_step step_wait_task; // looks again until the task is settled
request_step step_prefer_wait; // Prefer: wait=N of a 202
request_step step_prefer_look;

// steps_stream.c
request_step step_stream_admit; // caps; from where on
request_step step_stream;

// steps_console.c
request_step step_make_ticket; // of a console
request_step step_console_connect;

// steps_webhook.c
request_step step_check_webhook; // where it points
request_step step_make_webhook_secret;

// steps_invoice.c: what a statement has read of an invoice, as a document
request_step step_invoice_html, step_invoice_pdf;

// steps_payment.c
request_step step_make_payment_secret;
request_step step_notice_find, step_notice_take; // what a provider says

// steps_signin.c
request_step step_limit_signin;
request_step step_signin_find, step_verify_password, step_signin_create;

// steps_person.c
request_step step_person_find, step_person_right, step_put_new_password;
request_step step_totp_make, step_totp_confirm, step_totp_code;

// steps_link.c
request_step step_make_link, step_make_session_secrets;
request_step step_reset_request, step_reset_find, step_reset_confirm;
request_step step_invitation_find, step_invitee, step_invitation_accept;

// steps_session.c
request_step step_refresh;
request_step step_session_answer; // adds access token, CSRF token and cookie
request_step step_signout_cookie;

// steps_secret.c
request_step step_make_token, step_make_join_token;
request_step step_hash_password, step_put_password;
request_step step_make_vps_password; // of a guest's root: made here unless it was sent

// steps_system.c
request_step step_healthz, step_ping, step_readyz, step_metrics_find, step_metrics, step_meta,
    step_openapi;

// steps_panel.c: the web panel, which has no routes; true: panel_steps answer the request
bool panel_wants(const struct request *request);
extern request_step *const panel_steps[];
