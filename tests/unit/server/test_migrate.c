#include "cluster.h"
#include "migrate.h"
#include "unit.h"

#include <errno.h>

static struct cluster cluster;
static struct server_config config;
static char migrations[128];

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", migrations, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    cluster_start(&cluster);
}

static void teardown(void)
{
    cluster_stop(&cluster);
}

static void case_setup(void)
{
    static char database[64];
    snprintf(database, sizeof(database), "case%d", (int)getpid());
    cluster_sql(&cluster, "CREATE DATABASE %s", database);
    cluster_names(&cluster, database);
    snprintf(migrations, sizeof(migrations), "%s/m%d", cluster.dir, (int)getpid());
    char functions[160];
    snprintf(functions, sizeof(functions), "%s/functions", migrations);
    ck_assert_int_eq(mkdir(migrations, 0755), 0);
    ck_assert_int_eq(mkdir(functions, 0755), 0);
    config = (struct server_config){.migrations_dir = migrations, .database.owner = cluster.owner};
    write_file("0001-first.sql", "CREATE TABLE one (a int);\n");
    write_file("functions/f.sql",
               "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\n");
}

static int run(struct migrate_report *report, struct err *err)
{
    *report = (struct migrate_report){0};
    *err = (struct err){0};
    return migrate_run(&config, report, err);
}

START_TEST(applies_once_and_twice_is_a_no_op)
{
    struct migrate_report report;
    struct err err;
    ck_assert_int_eq(run(&report, &err), 0);
    ck_assert_int_eq(report.applied, 1);
    ck_assert_int_eq(report.functions, 1);
    ck_assert_int_eq(run(&report, &err), 0);
    ck_assert_int_eq(report.applied, 0);
    ck_assert_int_eq(report.known, 1);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM croft_migrations"), "1");
}
END_TEST

START_TEST(functions_are_reloaded_also_when_nothing_is_new)
{
    struct migrate_report report;
    struct err err;
    ck_assert_int_eq(run(&report, &err), 0);
    write_file("functions/f.sql",
               "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';\n");
    ck_assert_int_eq(run(&report, &err), 0);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT f()"), "2");
}
END_TEST

START_TEST(a_changed_past_file_is_refused_by_name)
{
    struct migrate_report report;
    struct err err;
    ck_assert_int_eq(run(&report, &err), 0);
    write_file("0001-first.sql", "CREATE TABLE one (a bigint);\n");
    ck_assert_int_eq(run(&report, &err), ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.text, "0001-first.sql"));
}
END_TEST

START_TEST(a_file_before_the_last_applied_is_refused)
{
    struct migrate_report report;
    struct err err;
    ck_assert_int_eq(run(&report, &err), 0);
    write_file("0000-zero.sql", "SELECT 1;\n");
    ck_assert_int_eq(run(&report, &err), ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.text, "0000-zero.sql"));
}
END_TEST

START_TEST(a_database_of_a_later_release_is_refused)
{
    struct migrate_report report;
    struct err err;
    write_file("0002-second.sql", "SELECT 1;\n");
    ck_assert_int_eq(run(&report, &err), 0);
    char path[256];
    snprintf(path, sizeof(path), "%s/0002-second.sql", migrations);
    unlink(path);
    ck_assert_int_eq(run(&report, &err), ERR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(err.text, "0002-second.sql"));
}
END_TEST

START_TEST(a_failing_file_leaves_nothing_and_names_its_line)
{
    struct migrate_report report;
    struct err err;
    write_file("0002-second.sql", "CREATE TABLE two (a int);\n-- h\xc3\xb6h\nSELEC 1;\n");
    ck_assert_int_lt(run(&report, &err), 0);
    ck_assert_msg(strstr(err.text, "0002-second.sql:3:") != NULL, "%s", err.text);
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT count(*) FROM croft_migrations"), "1");
    ck_assert_str_eq(cluster_sql(&cluster, "SELECT coalesce(to_regclass('two')::text, 'none')"),
                     "none");
}
END_TEST

START_TEST(a_file_may_not_end_its_transaction)
{
    struct migrate_report report;
    struct err err;
    write_file("0002-second.sql", "COMMIT;\n");
    ck_assert_int_lt(run(&report, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "0002-second.sql"));
}
END_TEST

START_TEST(names_without_a_number_or_with_the_same_are_refused)
{
    struct migrate_report report;
    struct err err;
    write_file("0001-other.sql", "SELECT 1;\n");
    ck_assert_int_eq(run(&report, &err), ERR_INVALID);
    write_file("second.sql", "SELECT 1;\n");
    ck_assert_int_eq(run(&report, &err), ERR_INVALID);
}
END_TEST

START_TEST(the_real_schema_applies_twice)
{
    struct migrate_report report;
    struct err err;
    const char *source = getenv("CROFT_SOURCE");
    ck_assert_msg(source != NULL, "CROFT_SOURCE is not set");
    snprintf(migrations, sizeof(migrations), "%s/migrations", source);
    ck_assert_msg(run(&report, &err) == 0, "%s", err.text);
    ck_assert_int_gt(report.applied, 0);
    ck_assert_msg(run(&report, &err) == 0, "%s", err.text);
    ck_assert_int_eq(report.applied, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("migrate");
    TCase *cases = tcase_create("migrate");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, setup, teardown);
    tcase_add_checked_fixture(cases, case_setup, NULL);
    tcase_add_test(cases, applies_once_and_twice_is_a_no_op);
    tcase_add_test(cases, functions_are_reloaded_also_when_nothing_is_new);
    tcase_add_test(cases, a_changed_past_file_is_refused_by_name);
    tcase_add_test(cases, a_file_before_the_last_applied_is_refused);
    tcase_add_test(cases, a_database_of_a_later_release_is_refused);
    tcase_add_test(cases, a_failing_file_leaves_nothing_and_names_its_line);
    tcase_add_test(cases, a_file_may_not_end_its_transaction);
    tcase_add_test(cases, names_without_a_number_or_with_the_same_are_refused);
    tcase_add_test(cases, the_real_schema_applies_twice);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
