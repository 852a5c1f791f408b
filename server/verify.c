// `croft-server verify WHAT`: what is counted, or recorded, against what there is.
#include "command_db.h"
#include "commands.h"
#include "macro.h"
#include "sql.h"

#include <string.h>

enum { EXIT_DIFFERENT = 1, EXIT_UNKNOWN = 2 };

static const char *value(const PGresult *rows, int row, const char *column)
{
    int field = PQfnumber(rows, column);
    return field < 0 || PQgetisnull(rows, row, field) ? "-" : PQgetvalue(rows, row, field);
}

static const struct {
    const char *name;
    enum sql_id statement;
} checks[] = {
    {"quotas", SQL_QUOTA_VERIFY},
    {"billing", SQL_BILLING_VERIFY},
};

static int verify(const struct server_config *config, enum sql_id statement)
{
    struct err err = {0};
    _cleanup_pgconn_ PGconn *conn = NULL;
    _cleanup_pgresult_ PGresult *rows = NULL;
    if (command_db_connect(config, &conn, &err) < 0 ||
        command_db_query(conn, sql_texts[statement].text, 0, NULL, &rows, &err) < 0) {
        fprintf(stderr, "croft-server verify: %s\n", err.text);
        return EXIT_UNKNOWN;
    }
    for (int i = 0; i < PQntuples(rows); i++) {
        printf("%s %s %s: stored %s, actual %s\n", value(rows, i, "kind"),
               value(rows, i, "subject"), value(rows, i, "resource"), value(rows, i, "stored"),
               value(rows, i, "actual"));
    }
    return PQntuples(rows) > 0 ? EXIT_DIFFERENT : 0;
}

int verify_main(const struct server_config *config, int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < ARRAY_LEN(checks); i++) {
        if (strcmp(argv[1], checks[i].name) == 0) {
            return verify(config, checks[i].statement);
        }
    }
    fprintf(stderr, "usage: croft-server verify --config F quotas|billing\n");
    return EXIT_UNKNOWN;
}
