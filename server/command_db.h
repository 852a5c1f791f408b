// The owner's connection of a command line run: blocking libpq, simple statements. For migrate.c,
// admin.c and verify.c alone; a process with an event loop uses db.h.
#pragma once

#include "err.h"
#include "json.h"
#include "sql.h"

#include <libpq-fe.h>

struct server_config;

// Connects as config->database.owner with UTF-8 and without notices. *ret_conn: PQfinish().
int command_db_connect(const struct server_config *config, PGconn **ret_conn,
                       struct err *err) _must_check_;

// One statement with text parameters; *ret_result (may be NULL): PQclear(). An error reads as
// "SQLSTATE: message".
int command_db_query(PGconn *conn, const char *sql, int param_count, const char *const *params,
                     PGresult **ret_result, struct err *err) _must_check_;

// Several statements in one string. name is the file that errors of line and message name.
int command_db_script(PGconn *conn, const char *name, const char *sql,
                      struct err *err) _must_check_;

// Connects, runs a statement of one jsonb parameter, which answers with one body as those of the API do, and closes.
int command_db_answer(const struct server_config *config, enum sql_id sql, const json_t *input,
                      json_t **ret_body, struct err *err) _must_check_;
// On standard output, in a line.
void command_print(const json_t *object);

static inline void cleanup_pgconn(PGconn **conn)
{
    PQfinish(*conn);
}
static inline void cleanup_pgresult(PGresult **result)
{
    PQclear(*result);
}
#define _cleanup_pgconn_ _cleanup_(cleanup_pgconn)
#define _cleanup_pgresult_ _cleanup_(cleanup_pgresult)
