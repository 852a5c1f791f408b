// The server's configuration file: YAML, decoded through a field table, documented by it.
#pragma once

#include "err.h"
#include "field.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct server_config {
    const char *state_dir; // absolute; default /var/lib/croft
    const char *pki_dir; // default state_dir/pki
    const char *image_dir; // default state_dir/images
    const char *migrations_dir; // default: the installed one
    const char *log_level;
    struct {
        const char *server; // libpq conninfo of the role croft_server
        const char *owner; // libpq conninfo for migrate, admin, verify (may create roles)
        int64_t connections; // per worker
        int64_t queue; // waiting queries per worker
    } database;
    int64_t workers; // 1..64, default 2
    struct {
        const char *listen; // default 127.0.0.1:8080
        const char *tls_certificate, *tls_key; // both or neither
        const char *public_url; // what clients use, e.g. https://panel.example.org
        int64_t body_max; // bytes, default 1 MiB
        int64_t connections; // per worker
        int64_t connections_per_address; // per worker
    } api;
    struct {
        const char *listen; // default 127.0.0.1:8443
        const char *public_address; // host:port that agents dial; also the certificate's name
        int64_t heartbeat_s, sample_s, report_s, ping_s;
        int64_t certificate_s; // life of an agent certificate; default 7 days, 10..
        const char *console_host; // that agents dial for consoles; default: that of public_address
        int64_t console_port, console_ports; // the first, 0: any; how many
    } agents;
    struct {
        int64_t session_s; // panel session, default 12 h
        int64_t access_s; // JWT, default 15 min
        int64_t task_deadline_s; // a task that nobody settles fails after this, default 600
        int64_t drain_s; // SIGTERM: wait so long for open requests, default 30
    } timing;
    struct {
        int64_t requests_per_s; // per token and per address; 0: off
        int64_t signin_per_min; // per address
    } limits;
    struct {
        int64_t streams; // per worker
        int64_t streams_per_credential, streams_per_tenant; // per machine
    } events;
    struct {
        int64_t open; // per worker
        int64_t idle_s;
    } consoles;
    struct {
        bool allow_http, allow_private; // for tests and development
        const char *ca_file; // NULL: the system's
        int64_t timeout_s;
        int64_t concurrency; // per worker
    } webhooks;
    struct {
        int64_t memory_bytes; // argon2id
        int64_t passes;
        int64_t threads; // hashing at once, per worker
        int64_t queue; // waiting to be hashed, per worker
        const char *breach_list; // NULL: none
    } passwords;
    struct {
        const char *server; // host:port; NULL: file
        const char *tls; // none, starttls, tls
        const char *ca_file, *user, *password, *from;
        const char *file; // NULL: none
        int64_t retry_s;
    } mail;
    struct {
        const char *key_file; // default pki_dir/secrets.keys
    } secrets;
    struct {
        const char *dir; // NULL: none
    } panel;
    struct {
        const char *url, *key; // NULL: none
        struct field_strings zones; // each ends in a dot
        int64_t ttl_s;
    } rdns;
    struct {
        struct field_strings keys; // each 64 hex
    } image_index;
    struct {
        const char *mode; // none, export, full
        int64_t throttle_bps; // when the traffic that is included is used up
    } billing;
    void *tree, *places; // private: owns every string above
};

// How much of billing there is; each includes what stands before it.
enum billing_mode { BILLING_NONE, BILLING_EXPORT, BILLING_FULL };
enum billing_mode server_config_billing(const struct server_config *config);

int server_config_load(const char *path, struct server_config *ret_config,
                       struct err *err) _must_check_;
void server_config_finish(struct server_config *config);

// The reference documentation of the file, in Markdown.
void server_config_print_reference(FILE *to);
