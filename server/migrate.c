#include "migrate.h"

#include "command_db.h"
#include "commands.h"
#include "config.h"
#include "file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

enum { SQL_FILE_MAX = 4 * 1024 * 1024 };

// "croft" in ASCII; only this file takes it.
#define LOCK_SQL "SELECT pg_advisory_lock(x'63726f6674'::bigint)"

#define TABLE_SQL                                                                                  \
    "CREATE TABLE IF NOT EXISTS public.croft_migrations ("                                         \
    " name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"

struct sql_file {
    char *name;
    char *text;
    char sha256[65];
};

struct sql_files {
    struct sql_file *items;
    size_t count;
};

static void sql_files_finish(struct sql_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].name);
        free(files->items[i].text);
    }
    free(files->items);
}
#define _cleanup_sql_files_ _cleanup_(sql_files_finish)

static bool ends_in_sql(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && strcmp(name + len - 4, ".sql") == 0;
}

static int is_sql(const struct dirent *entry)
{
    return ends_in_sql(entry->d_name);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); // not alphasort(): it follows the locale
}

static int load_file(const char *dir, const char *name, struct sql_file *ret_file, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    size_t len;
    int r = file_read(path, SQL_FILE_MAX, &ret_file->text, &len, err);
    if (r < 0) {
        return r;
    }
    if (strlen(ret_file->text) != len) {
        return err_set(err, ERR_INVALID, "%s holds a NUL", path);
    }
    ret_file->name = strdup(name);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)ret_file->text, len, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(ret_file->sha256 + 2 * i, 3, "%02x", digest[i]);
    }
    return 0;
}

static int load_files(const char *dir, struct sql_files *ret_files, struct err *err)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_sql, compare_names);
    if (count < 0) {
        return err_errno(err, errno, "reading %s", dir);
    }
    ret_files->items = calloc((size_t)count + 1, sizeof(*ret_files->items));
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (r == 0) {
            r = load_file(dir, entries[i]->d_name, &ret_files->items[ret_files->count], err);
            ret_files->count++;
        }
        free(entries[i]);
    }
    free(entries);
    return r;
}

// NNNN-name.sql, each number once.
static int check_names(const struct sql_files *files, struct err *err)
{
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->items[i].name;
        bool numbered = strlen(name) > 5 && name[4] == '-';
        for (int k = 0; numbered && k < 4; k++) {
            numbered = isdigit((unsigned char)name[k]);
        }
        if (!numbered) {
            return err_set(err, ERR_INVALID, "%s: a migration is named NNNN-name.sql", name);
        }
        if (i > 0 && strncmp(name, files->items[i - 1].name, 4) == 0) {
            return err_set(err, ERR_INVALID, "%s and %s have the same number",
                           files->items[i - 1].name, name);
        }
    }
    return 0;
}

// What the database has must be a prefix of what the directory has, byte for byte.
static int check_history(const struct sql_files *files, const PGresult *history, struct err *err)
{
    for (int i = 0; i < PQntuples(history); i++) {
        const char *name = PQgetvalue(history, i, 0);
        if ((size_t)i >= files->count || strcmp(files->items[i].name, name) > 0) {
            return err_set(err, ERR_CONFLICT,
                           "the database has migration %s, which this release does not know", name);
        }
        if (strcmp(files->items[i].name, name) < 0) {
            return err_set(err, ERR_CONFLICT, "%s is new but comes before %s, which is applied",
                           files->items[i].name, name);
        }
        if (strcmp(files->items[i].sha256, PQgetvalue(history, i, 1)) != 0) {
            return err_set(err, ERR_CONFLICT,
                           "%s was applied and has changed since; add a new migration instead",
                           name);
        }
    }
    return 0;
}

// A script that ends the transaction itself, or leaves it failed, must not pass for applied.
static int run_script(PGconn *conn, const struct sql_file *file, struct err *err)
{
    int r = command_db_script(conn, file->name, file->text, err);
    if (r < 0) {
        return r;
    }
    if (PQtransactionStatus(conn) != PQTRANS_INTRANS) {
        return err_set(err, ERR_INVALID, "%s: a migration may not end its transaction", file->name);
    }
    return command_db_query(conn, "RESET ROLE", 0, NULL, NULL, err);
}

static int apply_in_transaction(PGconn *conn, const struct sql_file *file, struct err *err)
{
    int r = run_script(conn, file, err);
    if (r < 0) {
        return r;
    }
    const char *const params[] = {file->name, file->sha256};
    return command_db_query(conn,
                            "INSERT INTO public.croft_migrations (name, sha256) VALUES ($1, $2)", 2,
                            params, NULL, err);
}

static int reload_in_transaction(PGconn *conn, const struct sql_files *functions, struct err *err)
{
    for (size_t i = 0; i < functions->count; i++) {
        int r = run_script(conn, &functions->items[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// Ends the transaction that r is the outcome of.
static int end_transaction(PGconn *conn, int r, struct err *err)
{
    if (r == 0) {
        return command_db_query(conn, "COMMIT", 0, NULL, NULL, err);
    }
    PQclear(PQexec(conn, "ROLLBACK")); // if it fails the connection is gone, and with it the work
    return r;
}

static int apply_new(PGconn *conn, const struct sql_files *files, size_t known, struct err *err)
{
    for (size_t i = known; i < files->count; i++) {
        int r = command_db_query(conn, "BEGIN", 0, NULL, NULL, err);
        if (r < 0) {
            return r;
        }
        r = end_transaction(conn, apply_in_transaction(conn, &files->items[i], err), err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int reload_functions(PGconn *conn, const struct sql_files *functions, struct err *err)
{
    int r = command_db_query(conn, "BEGIN", 0, NULL, NULL, err);
    if (r < 0) {
        return r;
    }
    return end_transaction(conn, reload_in_transaction(conn, functions, err), err);
}

static int load_history(PGconn *conn, PGresult **ret_history, struct err *err)
{
    int r = command_db_query(conn, LOCK_SQL, 0, NULL, NULL, err);
    if (r < 0) {
        return r;
    }
    r = command_db_query(conn, TABLE_SQL, 0, NULL, NULL, err);
    if (r < 0) {
        return r;
    }
    return command_db_query(conn,
                            "SELECT name, sha256 FROM public.croft_migrations"
                            " ORDER BY name COLLATE \"C\"",
                            0, NULL, ret_history, err);
}

int migrate_run(const struct server_config *config, struct migrate_report *ret_report,
                struct err *err)
{
    _cleanup_sql_files_ struct sql_files files = {0};
    _cleanup_sql_files_ struct sql_files functions = {0};
    char functions_dir[4096];
    snprintf(functions_dir, sizeof(functions_dir), "%s/functions", config->migrations_dir);
    int r;
    if ((r = load_files(config->migrations_dir, &files, err)) < 0 ||
        (r = load_files(functions_dir, &functions, err)) < 0 ||
        (r = check_names(&files, err)) < 0) {
        return r;
    }
    if (files.count == 0) {
        return err_set(err, ERR_NOT_FOUND, "no migrations in %s", config->migrations_dir);
    }
    _cleanup_pgconn_ PGconn *conn = NULL;
    _cleanup_pgresult_ PGresult *history = NULL;
    if ((r = command_db_connect(config, &conn, err)) < 0 ||
        (r = load_history(conn, &history, err)) < 0 ||
        (r = check_history(&files, history, err)) < 0) {
        return r;
    }
    size_t known = (size_t)PQntuples(history);
    if ((r = apply_new(conn, &files, known, err)) < 0 ||
        (r = reload_functions(conn, &functions, err)) < 0) {
        return r;
    }
    *ret_report = (struct migrate_report){
        .applied = (int)(files.count - known),
        .known = (int)known,
        .functions = (int)functions.count,
    };
    return 0;
}

int migrate_main(const struct server_config *config, int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "croft-server migrate: takes no arguments\n");
        return 2;
    }
    struct err err = {0};
    struct migrate_report report;
    if (migrate_run(config, &report, &err) < 0) {
        fprintf(stderr, "croft-server migrate: %s\n", err.text);
        return 1;
    }
    printf("migrated: %d applied, %d already there, %d function files reloaded\n", report.applied,
           report.known, report.functions);
    return 0;
}
