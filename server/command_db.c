#include "command_db.h"

#include "config.h"
#include "macro.h"

#include <string.h>

// libpq's messages end in a new line and may have several; an err is one sentence.
static void one_line(const char *message, char *out, size_t size)
{
    snprintf(out, size, "%s", message ? message : "");
    size_t len = strlen(out);
    while (len > 0 && out[len - 1] == '\n') {
        out[--len] = '\0';
    }
    for (char *c = out; *c; c++) {
        if (*c == '\n' || *c == '\t') {
            *c = ' ';
        }
    }
}

int command_db_connect(const struct server_config *config, PGconn **ret_conn, struct err *err)
{
    const char *const keys[] = {"dbname", "client_encoding", "application_name", NULL};
    const char *const values[] = {config->database.owner, "UTF8", "croft-server command", NULL};
    _cleanup_pgconn_ PGconn *conn = PQconnectdbParams(keys, values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        char text[400];
        one_line(PQerrorMessage(conn), text, sizeof(text));
        return err_set(err, ERR_UNAVAILABLE, "database.owner: %s", text);
    }
    int r = command_db_query(conn, "SET client_min_messages = warning", 0, NULL, NULL, err);
    if (r < 0) {
        return r;
    }
    *ret_conn = STEAL(conn);
    return 0;
}

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

static const char *field(const PGresult *result, int code, const char *fallback)
{
    const char *value = PQresultErrorField(result, code);
    return value ? value : fallback;
}

static int query_error(PGconn *conn, const PGresult *result, struct err *err)
{
    char text[400];
    one_line(field(result, PG_DIAG_MESSAGE_PRIMARY, PQerrorMessage(conn)), text, sizeof(text));
    return err_set(err, ERR_INTERNAL, "%s: %s", field(result, PG_DIAG_SQLSTATE, "connection"),
                   text);
}

int command_db_query(PGconn *conn, const char *sql, int param_count, const char *const *params,
                     PGresult **ret_result, struct err *err)
{
    _cleanup_pgresult_ PGresult *result =
        PQexecParams(conn, sql, param_count, NULL, params, NULL, NULL, 0);
    if (!succeeded(result)) {
        return query_error(conn, result, err);
    }
    if (ret_result) {
        *ret_result = STEAL(result);
    }
    return 0;
}

// PostgreSQL counts the position in characters, from 1.
static unsigned line_of(const char *sql, const char *position)
{
    long at = position ? strtol(position, NULL, 10) : 1;
    unsigned line = 1;
    for (const char *c = sql; *c && at > 1; c++) {
        if (((unsigned char)*c & 0xc0) != 0x80) {
            at--;
        }
        line += *c == '\n';
    }
    return line;
}

int command_db_script(PGconn *conn, const char *name, const char *sql, struct err *err)
{
    _cleanup_pgresult_ PGresult *result = PQexec(conn, sql);
    if (succeeded(result)) {
        return 0;
    }
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    char where[160] = "";
    if (context) {
        char text[140];
        one_line(context, text, sizeof(text));
        snprintf(where, sizeof(where), " (%s)", text);
    }
    query_error(conn, result, err);
    char text[sizeof(err->text)];
    snprintf(text, sizeof(text), "%s", err->text);
    if (!position) {
        return err_set(err, ERR_INVALID, "%s: %s%s", name, text, where);
    }
    return err_set(err, ERR_INVALID, "%s:%u: %s%s", name, line_of(sql, position), text, where);
}

int command_db_answer(const struct server_config *config, enum sql_id sql, const json_t *input,
                      json_t **ret_body, struct err *err)
{
    _cleanup_free_ char *text = json_write(input);
    const char *const params[] = {text};
    _cleanup_pgconn_ PGconn *conn = NULL;
    _cleanup_pgresult_ PGresult *rows = NULL;
    int r;
    if ((r = command_db_connect(config, &conn, err)) < 0 ||
        (r = command_db_query(conn, sql_texts[sql].text, 1, params, &rows, err)) < 0) {
        return r;
    }
    int column = PQfnumber(rows, "body");
    if (PQntuples(rows) != 1 || column < 0) {
        return err_set(err, ERR_INTERNAL, "%s gave no row", sql_texts[sql].name);
    }
    const char *body = PQgetvalue(rows, 0, column);
    return json_read(body, strlen(body), JSON_DEPTH_MAX, ret_body, err);
}

void command_print(const json_t *object)
{
    _cleanup_free_ char *text = json_write(object);
    puts(text);
}
