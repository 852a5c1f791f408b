// The world of test_hub.c: a hub in this process, a database with the real schema, one agent.
#pragma once

#include "cluster.h"
#include "db.h"
#include "fake_agent.h"
#include "hub.h"
#include "limiter.h"
#include "log.h"
#include "migrate.h"
#include "pki.h"
#include "unit.h"
#include "unit_pki.h"

#include <openssl/sha.h>
#include <signal.h>

#define SECRET "croft_join_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct cluster cluster;
static struct server_config config;
static struct event_base *base;
static struct db *db;
static struct hub *hub;
static struct limits *limits;
static struct agent agent;
static char migrations[256], state_dir[128], pki_dir[160], image_dir[160], token[160],
    key_file[160];

// Once: the cluster, and a database with the real schema that each case copies.
static inline void setup(void)
{
    struct migrate_report report;
    struct err err = {0};
    const char *source = getenv("CROFT_SOURCE");
    ck_assert_msg(source != NULL, "CROFT_SOURCE is not set");
    snprintf(migrations, sizeof(migrations), "%s/migrations", source);
    cluster_start(&cluster);
    cluster_sql(&cluster, "CREATE DATABASE migrated");
    cluster_names(&cluster, "migrated");
    config.migrations_dir = migrations;
    config.database.owner = cluster.owner;
    ck_assert_msg(migrate_run(&config, &report, &err) == 0, "%s", err.text);
    cluster_names(&cluster, "postgres");
}

static inline void teardown(void)
{
    cluster_stop(&cluster);
}

static inline void fill_database(void)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[65];
    SHA256((const unsigned char *)SECRET, strlen(SECRET), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    cluster_sql(
        &cluster,
        "INSERT INTO locations (name, title) VALUES ('here', 'Here');"
        "INSERT INTO tenants (parent_id, kind, name) VALUES (croft_root(), 'tenant', 'one');"
        "INSERT INTO plans (name, title) VALUES ('small', 'Small');"
        "INSERT INTO plan_versions (plan_id, number, vcpus, memory_bytes, disk_bytes, ipv6_count) "
        "SELECT id, 1, 1, 268435456, 1073741824, 0 FROM plans;"
        "INSERT INTO images (name, title, os, arch, sha256, size, signature) VALUES ('i', 'I', "
        "'debian', 'amd64', repeat('a', 64), 10, repeat('b', 128));"
        "SELECT croft_quota_set(id, '{\"vps\":null,\"vcpus\":null,\"memory_bytes\":null,"
        "\"disk_bytes\":null,\"ipv4\":null,\"ipv6\":null,\"image_bytes\":1048576}', '') FROM "
        "tenants WHERE name = 'one';"
        "SELECT croft_admin_pool_create(jsonb_build_object('body', jsonb_build_object('name', "
        "'pool', 'location_id', id, 'cidr', '10.9.0.0/24'))) FROM locations;"
        "INSERT INTO join_tokens (location_id, token_hash, expires_at) SELECT id, '%s', now() + "
        "interval '1 hour' FROM locations",
        hex);
}

static inline void start_hub(void)
{
    struct err err = {0};
    base = event_base_new();
    struct db_config db_config = {.conninfo = cluster.server, .connections = 3, .queue_max = 100};
    db = db_create(base, &db_config);
    ck_assert_int_eq(limits_open(-1, &limits, &err), 0);
    ck_assert_msg(hub_create(base, db, &config, limits, 0, &hub, &err) == 0, "%s", err.text);
    for (int turns = 0; !db_ready(db); turns++) {
        ck_assert_msg(turns < 2000, "no connection to PostgreSQL");
        agent_turn(base);
    }
}

static inline void case_setup(void)
{
    char database[64];
    struct err err = {0};
    struct pki_ca *ca;
    signal(SIGPIPE, SIG_IGN);
    log_init("test", getenv("CROFT_TEST_LOG") ? LOG_DEBUG : LOG_ERROR);
    snprintf(database, sizeof(database), "case%d", (int)getpid());
    cluster_sql(&cluster, "CREATE DATABASE %s TEMPLATE migrated", database);
    cluster_names(&cluster, database);
    fill_database();
    snprintf(state_dir, sizeof(state_dir), "%s/%s", cluster.dir, database);
    snprintf(pki_dir, sizeof(pki_dir), "%s/pki", state_dir);
    snprintf(image_dir, sizeof(image_dir), "%s/images", state_dir);
    snprintf(key_file, sizeof(key_file), "%s/secrets.key", state_dir);
    config = (struct server_config){
        .state_dir = state_dir,
        .secrets.key_file = key_file,
        .pki_dir = pki_dir,
        .image_dir = image_dir,
        .agents = {.listen = "127.0.0.1:0",
                   .heartbeat_s = 10,
                   .sample_s = 10,
                   .report_s = 60,
                   .ping_s = 10,
                   .certificate_s = 3600},
    };
    ck_assert_msg(pki_init(&config, &err) == 0, "%s", err.text);
    ck_assert_int_eq(pki_ca_load(pki_dir, &ca, &err), 0);
    snprintf(token, sizeof(token), "%s.%s", SECRET, pki_ca_sha256(ca));
    pki_ca_destroy(ca);
    start_hub();
    agent_init(&agent, base, hub_port(hub), pki_dir, "node1");
}

static inline void case_teardown(void)
{
    agent_finish(&agent);
    hub_destroy(hub);
    limits_close(limits);
    db_destroy(db);
    agent_run(base, 50);
    event_base_free(base);
}

static inline void joined(void)
{
    ck_assert_int_eq(agent_join(&agent, token), 201);
}

static inline void linked(void)
{
    joined();
    agent_link(&agent);
}

static inline const char *create_vps(const char *name)
{
    return cluster_sql(
        &cluster,
        "SELECT croft_enter(id, NULL, 'owner', NULL, NULL, '', '', NULL) FROM tenants WHERE name "
        "= 'one'; SELECT a.body::jsonb->'vps'->>'id' FROM croft_vps_create(jsonb_build_object("
        "'body', jsonb_build_object('name', '%s', 'plan_id', (SELECT id FROM plans), 'image_id', "
        "(SELECT id FROM images), 'location_id', (SELECT id FROM locations), 'start', true))) a",
        name);
}

static inline const char *task_status(const json_t *task)
{
    return cluster_sql(&cluster, "SELECT status FROM tasks WHERE id = '%s'",
                       json_get_string(task, "task", ""));
}
