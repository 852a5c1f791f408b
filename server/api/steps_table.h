// What hand-written steps borrow from the table's.
#pragma once

#include "limiter.h"
#include "request.h"
#include "uuid.h"

enum { STEP_DEADLINE_MS = 10000 };

// Takes one token of the limiter, or answers 429.
enum step_result step_limit(struct request *request, struct limiter *limiter, const char *key);

// Runs it with done; the request is its argument.
enum step_result step_run(struct request *request, const struct db_request *db_request,
                          db_done *done);

// Answers with request->err, but only to those who may use the route: others are told that they may not.
enum step_result step_refuse(struct request *request);

// Runs a statement of the role login with one jsonb; takes input over.
enum step_result step_login(struct request *request, enum sql_id sql, json_t *input, db_done *done);

// Takes the row of an API statement: an answer or, where its status says so, an error {code, detail} that had to be remembered and
// hence was not raised.
void step_take_answer(struct request *request, const struct db_rows *rows);

// Of a row of credentials (steps_signin.c): user_id, password_hash, totp_secret, wait_s.
// The secret, opened; NULL if there is none, or if it cannot be, which is an error of the request.
const char *step_open_totp(struct request *request, const char *sealed);
void step_take_credentials(struct request *request, const struct db_rows *rows);

// What a typed code is to the database (croft_second_factor()): {totp_step}, {recovery_hash}, or null for none.
json_t *step_code(const struct request *request, const char *code);

// Puts a failed statement into request->err, and logs what only operators should read.
void step_take_error(struct request *request, const struct db_outcome *outcome);
