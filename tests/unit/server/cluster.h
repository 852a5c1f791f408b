// A PostgreSQL cluster of a test's own, in a temporary folder and on a socket in it: no TCP port. The
// server programs of the distribution refuse to run as root, so root becomes postgres for them.
#pragma once

#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct cluster {
    char dir[64];
    char owner[160], server[160]; // conninfo
    int alive; // write end of the keeper's pipe
    pid_t keeper;
};

static inline int cluster_shell(const struct cluster *cluster, const char *script)
{
    char command[4096];
    snprintf(command, sizeof(command),
             "D=%s; B=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1); as() { if [ $(id "
             "-u) = 0 ]; then "
             "runuser -u postgres -- \"$@\"; else \"$@\"; fi; }; cd /; exec >>$D/log 2>&1; %s",
             cluster->dir, script);
    return system(command);
}

static inline void cluster_names(struct cluster *cluster, const char *database)
{
    snprintf(cluster->owner, sizeof(cluster->owner), "host=%s user=postgres dbname=%s",
             cluster->dir, database);
    snprintf(cluster->server, sizeof(cluster->server), "host=%s user=croft_server dbname=%s",
             cluster->dir, database);
}

static inline void cluster_restart(const struct cluster *cluster)
{
    ck_assert_int_eq(cluster_shell(cluster, "as $B/pg_ctl -D $D/data -m fast -w restart"), 0);
}

static inline void cluster_remove(const struct cluster *cluster)
{
    char command[128];
    cluster_shell(cluster, "as $B/pg_ctl -D $D/data -m immediate -w stop");
    snprintf(command, sizeof(command), "rm -rf %s", cluster->dir);
    _exit(system(command) == 0 ? 0 : 1);
}

// Nothing may stay behind a test that is killed: the keeper removes the cluster when the last process
// that holds the pipe has ended, however it ended.
static inline void cluster_keep(struct cluster *cluster)
{
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
    cluster->keeper = fork();
    if (cluster->keeper == 0) {
        char byte;
        setsid();
        close(fds[1]);
        if (read(fds[0], &byte, 1) <= 0) {
            cluster_remove(cluster);
        }
    }
    close(fds[0]);
    cluster->alive = fds[1];
}

static inline void cluster_start(struct cluster *cluster)
{
    snprintf(cluster->dir, sizeof(cluster->dir), "/tmp/croft-cluster-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cluster->dir));
    chmod(cluster->dir, 0777);
    cluster_names(cluster, "postgres");
    cluster_keep(cluster);
    ck_assert_int_eq(
        cluster_shell(cluster,
                      "touch $D/log; chmod 666 $D/log; mkdir $D/data; [ $(id -u) = 0 ] && chown "
                      "postgres $D/data; as $B/initdb -D $D/data -A trust -U postgres -E UTF8 "
                      "--locale=C.UTF-8 --no-sync && as $B/pg_ctl -D $D/data -w -l $D/log -o "
                      "\"-c listen_addresses='' -k $D -c fsync=off -c max_connections=40\" start"),
        0);
}

static inline void cluster_stop(struct cluster *cluster)
{
    int status = -1;
    close(cluster->alive);
    waitpid(cluster->keeper, &status, 0);
    ck_assert_int_eq(status, 0);
}

// The first column of the first row, empty for none; the case fails if PostgreSQL refuses. Four buffers
// in turn.
static inline const char *cluster_sql(const struct cluster *cluster, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static inline const char *cluster_sql(const struct cluster *cluster, const char *fmt, ...)
{
    static char values[4][4096];
    static unsigned turn;
    char sql[16384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    PGconn *conn = PQconnectdb(cluster->owner);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQerrorMessage(conn));
    char *value = values[turn++ % 4];
    value[0] = '\0';
    if (PQntuples(result) > 0) {
        snprintf(value, sizeof(values[0]), "%s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    PQfinish(conn);
    return value;
}
