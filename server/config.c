#include "config.h"

#include "field.h"
#include "log.h"
#include "macro.h"
#include "mail_text.h"
#include "places.h"
#include "yaml_tree.h"

#include <string.h>

// Offsets inside the groups: a nested table counts from the start of its own structure.
#define TOP(member) offsetof(struct server_config, member)
#define IN(group, member) (TOP(group.member) - TOP(group))

#define TEXT_MAX 1024

static const struct field database_fields[] = {
    {"server", FIELD_STRING, IN(database, server), .min = 1, .max = TEXT_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .help = "libpq connection string of the role `croft_server`."},
    {"owner", FIELD_STRING, IN(database, owner), .max = TEXT_MAX, .flags = FIELD_SECRET,
     .help = "libpq connection string that may create roles and the schema; used by `migrate`, "
             "`admin` and `verify` only."},
    {"connections", FIELD_INT, IN(database, connections), .min = 1, .max = 64, .preset = "4",
     .help = "Connections for queries per worker; one more listens."},
    {"queue", FIELD_INT, IN(database, queue), .min = 1, .max = 100000, .preset = "2000",
     .help = "Queries that may wait per worker; more are answered 503."},
    {NULL},
};

static const struct field api_fields[] = {
    {"listen", FIELD_STRING, IN(api, listen), .min = 3, .max = 255, .preset = "127.0.0.1:8080",
     .help = "Address and port of the API, `address:port` or `[v6]:port`."},
    {"tls_certificate", FIELD_STRING, IN(api, tls_certificate), .min = 1, .max = TEXT_MAX,
     .help = "PEM file of the certificate chain; without it the API speaks plain HTTP."},
    {"tls_key", FIELD_STRING, IN(api, tls_key), .min = 1, .max = TEXT_MAX,
     .help = "PEM file of the certificate's key."},
    {"public_url", FIELD_STRING, IN(api, public_url), .min = 1, .max = TEXT_MAX,
     .help = "What clients use, for example `https://panel.example.org`."},
    {"body_max", FIELD_INT, IN(api, body_max), .min = 1024, .max = 64 << 20, .preset = "1048576",
     .help = "Largest request body in bytes; a larger one is answered 413."},
    {"connections", FIELD_INT, IN(api, connections), .min = 1, .max = 100000, .preset = "4000",
     .help = "Open client connections per worker."},
    {"connections_per_address", FIELD_INT, IN(api, connections_per_address), .min = 1,
     .max = 100000, .preset = "400", .help = "Open connections of one client address per worker."},
    {NULL},
};

static const struct field agents_fields[] = {
    {"listen", FIELD_STRING, IN(agents, listen), .min = 3, .max = 255, .preset = "127.0.0.1:8443",
     .help = "Address and port of the agent listener (TLS 1.3 always)."},
    {"public_address", FIELD_STRING, IN(agents, public_address), .min = 3, .max = 255,
     .help = "`host:port` that agents dial; the host is also the name in the certificate. "
             "Default: `listen`."},
    {"heartbeat_s", FIELD_INT, IN(agents, heartbeat_s), .min = 1, .max = 600, .preset = "10",
     .help = "Seconds between heartbeats of an agent."},
    {"sample_s", FIELD_INT, IN(agents, sample_s), .min = 1, .max = 600, .preset = "10",
     .help = "Seconds between two readings of a vps's counters."},
    {"report_s", FIELD_INT, IN(agents, report_s), .min = 1, .max = 600, .preset = "60",
     .help = "Seconds between usage reports."},
    {"ping_s", FIELD_INT, IN(agents, ping_s), .min = 1, .max = 600, .preset = "10",
     .help = "Seconds of silence before a ping; two unanswered end a link."},
    {"certificate_s", FIELD_INT, IN(agents, certificate_s), .min = 10, .max = 366 * 86400,
     .preset = "604800", .help = "Life of an agent certificate in seconds."},
    {"console_host", FIELD_STRING, IN(agents, console_host), .min = 1, .max = 255,
     .help = "Name or address of this machine that agents dial for consoles. Default: the host of "
             "`public_address`."},
    {"console_port", FIELD_INT, IN(agents, console_port), .max = 65535, .preset = "8500",
     .help = "First port for consoles; each worker listens on one of its own, the first that is "
             "free. 0: any."},
    {"console_ports", FIELD_INT, IN(agents, console_ports), .min = 1, .max = 1000, .preset = "128",
     .help = "How many ports there are for that; twice the workers, as both have one while the "
             "server reloads."},
    {NULL},
};

static const struct field timing_fields[] = {
    {"session_s", FIELD_INT, IN(timing, session_s), .min = 60, .max = 30 * 86400, .preset = "43200",
     .help = "Life of a panel session in seconds."},
    {"access_s", FIELD_INT, IN(timing, access_s), .min = 5, .max = 3600, .preset = "900",
     .help = "Life of an access token (JWT) in seconds."},
    {"task_deadline_s", FIELD_INT, IN(timing, task_deadline_s), .min = 5, .max = 86400,
     .preset = "600", .help = "A task that nobody settles fails after so many seconds."},
    {"drain_s", FIELD_INT, IN(timing, drain_s), .min = 0, .max = 600, .preset = "30",
     .help = "Seconds that a stopping worker waits for open requests."},
    {NULL},
};

static const struct field limits_fields[] = {
    {"requests_per_s", FIELD_INT, IN(limits, requests_per_s), .min = 0, .max = 1000000,
     .preset = "50",
     .help = "Requests a second per token and per address, counted by all workers of a machine "
             "together; 0 is no limit. Ten seconds' worth may come at once."},
    {"signin_per_min", FIELD_INT, IN(limits, signin_per_min), .min = 0, .max = 1000000,
     .preset = "10",
     .help = "Sign-in attempts a minute per address, counted likewise; 0 is no limit."},
    {NULL},
};

static const struct field events_fields[] = {
    {"streams", FIELD_INT, IN(events, streams), .min = 1, .max = 100000, .preset = "1000",
     .help = "Open event streams per worker; more are answered 503."},
    {"streams_per_credential", FIELD_INT, IN(events, streams_per_credential), .min = 1,
     .max = 65536, .preset = "10",
     .help = "Open event streams of one token or session, counted by all workers of a machine "
             "together; more are answered 429."},
    {"streams_per_tenant", FIELD_INT, IN(events, streams_per_tenant), .min = 1, .max = 65536,
     .preset = "100", .help = "Open event streams of one tenant, counted likewise."},
    {NULL},
};

static const struct field consoles_fields[] = {
    {"open", FIELD_INT, IN(consoles, open), .min = 1, .max = 100000, .preset = "500",
     .help = "Open consoles per worker; more are answered 503."},
    {"idle_s", FIELD_INT, IN(consoles, idle_s), .min = 1, .max = 7 * 86400, .preset = "1800",
     .help = "Seconds without input from its viewer after which a console is closed."},
    {NULL},
};

static const struct field webhooks_fields[] = {
    {"allow_http", FIELD_BOOL, IN(webhooks, allow_http), .preset = "false",
     .help = "Lets webhooks go out in the clear: for tests and development only."},
    {"allow_private", FIELD_BOOL, IN(webhooks, allow_private), .preset = "false",
     .help = "Lets customers' webhooks reach loopback, private and link-local addresses, this "
             "machine's own "
             "services among them: for tests and development only."},
    {"ca_file", FIELD_STRING, IN(webhooks, ca_file), .min = 1, .max = TEXT_MAX,
     .help = "PEM file of the CAs that targets are believed by. Default: the system's."},
    {"timeout_s", FIELD_INT, IN(webhooks, timeout_s), .min = 1, .max = 60, .preset = "15",
     .help = "Seconds that a target has to answer."},
    {"concurrency", FIELD_INT, IN(webhooks, concurrency), .min = 1, .max = 1000, .preset = "64",
     .help = "Deliveries under way at once per worker; of one webhook never more than four."},
    {NULL},
};

static const struct field passwords_fields[] = {
    {"memory_bytes", FIELD_INT, IN(passwords, memory_bytes), .min = 8192, .max = 1 << 30,
     .preset = "67108864", .help = "Memory of one argon2id hash."},
    {"passes", FIELD_INT, IN(passwords, passes), .min = 1, .max = 16, .preset = "2",
     .help = "Passes of one argon2id hash."},
    {"threads", FIELD_INT, IN(passwords, threads), .min = 1, .max = 16, .preset = "2",
     .help = "Hashes computed at once per worker."},
    {"queue", FIELD_INT, IN(passwords, queue), .min = 1, .max = 1000, .preset = "32",
     .help = "Hashes that may wait per worker; more are answered 503."},
    {"breach_list", FIELD_STRING, IN(passwords, breach_list), .min = 1, .max = TEXT_MAX,
     .help = "File of the SHA-1 of passwords that were stolen, sorted, a line each (`Pwned "
             "Passwords`, ordered by "
             "hash); none of them becomes a new password."},
    {NULL},
};

static const struct field panel_fields[] = {
    {"dir", FIELD_STRING, IN(panel, dir), .min = 1, .max = TEXT_MAX,
     .help = "Folder of the built web panel (`web/dist`), read when a worker starts. Without it "
             "there is no panel."},
    {NULL},
};

static const struct field mail_fields[] = {
    {"server", FIELD_STRING, IN(mail, server), .min = 3, .max = 255,
     .help = "`host:port` of the mail server (SMTP); without it and `file` mails wait."},
    {"tls", FIELD_STRING, IN(mail, tls), .min = 3, .max = 8, .preset = "starttls",
     .help = "`starttls`, `tls` from the first byte, or `none`."},
    {"ca_file", FIELD_STRING, IN(mail, ca_file), .min = 1, .max = TEXT_MAX,
     .help = "PEM file of who vouches for the mail server. Default: the system's."},
    {"user", FIELD_STRING, IN(mail, user), .min = 1, .max = TEXT_MAX, .help = "Account there."},
    {"password", FIELD_STRING, IN(mail, password), .min = 1, .max = TEXT_MAX, .flags = FIELD_SECRET,
     .help = "Its password."},
    {"from", FIELD_EMAIL, IN(mail, from), .min = 3, .max = 254, .preset = "croft@localhost",
     .help = "Address that mails come from."},
    {"file", FIELD_STRING, IN(mail, file), .min = 1, .max = TEXT_MAX,
     .help = "For trials: mails are appended to this file, a line of JSON each, instead of sent."},
    {"retry_s", FIELD_INT, IN(mail, retry_s), .min = 1, .max = 3600, .preset = "30",
     .help = "Seconds before a mail is sent again; doubled each time, two hours at most."},
    {NULL},
};

static const struct field secrets_fields[] = {
    {"key_file", FIELD_STRING, IN(secrets, key_file), .min = 1, .max = TEXT_MAX,
     .help = "File of the keys that secrets in the database are sealed with, a line `id hex` each: "
             "the first seals, all open. Default: `pki_dir`/secrets.keys, which `init` makes."},
    {NULL},
};

static const struct field rdns_fields[] = {
    {"url", FIELD_STRING, IN(rdns, url), .min = 8, .max = 255,
     .help = "`http://host:port` of PowerDNS' API; without it names are told once there is one."},
    {"key", FIELD_STRING, IN(rdns, key), .min = 1, .max = 255, .flags = FIELD_SECRET,
     .help = "Its API key."},
    {"zones", FIELD_STRINGS, IN(rdns, zones), .max = 256, .item_max = 253,
     .help = "Reverse zones that it holds, as `100.51.198.in-addr.arpa.`."},
    {"ttl_s", FIELD_INT, IN(rdns, ttl_s), .min = 1, .max = 604800, .preset = "3600",
     .help = "Seconds that a name may be remembered."},
    {NULL},
};

static const struct field image_index_fields[] = {
    {"keys", FIELD_STRINGS, IN(image_index, keys), .max = 16, .item_max = 64,
     .help = "Public keys (`pki_dir`/image.pub of other installations, 64 hex) whose indexes of "
             "images `image import` believes."},
    {NULL},
};

static const struct field billing_fields[] = {
    {"mode", FIELD_STRING, IN(billing, mode), .min = 1, .max = 8, .preset = "full",
     .help = "`none`: usage is measured, nothing is charged. `export`: months are charged, for "
             "exports; no invoices, no payments. `full`: everything."},
    {"throttle_bps", FIELD_INT, IN(billing, throttle_bps), .min = 64000, .max = 1000000000000,
     .preset = "10000000",
     .help = "Bits a second, each way, that a vps is held to when the traffic that its account's "
             "plans include is used up, if the account's policy is to throttle."},
    {NULL},
};

static const struct field config_fields[] = {
    {"state_dir", FIELD_STRING, TOP(state_dir), .min = 1, .max = TEXT_MAX,
     .preset = "/var/lib/croft", .help = "Absolute folder of everything that is kept."},
    {"pki_dir", FIELD_STRING, TOP(pki_dir), .min = 1, .max = TEXT_MAX,
     .help = "Folder of keys and certificates. Default: `state_dir`/pki."},
    {"image_dir", FIELD_STRING, TOP(image_dir), .min = 1, .max = TEXT_MAX,
     .help = "Folder of image files. Default: `state_dir`/images."},
    {"migrations_dir", FIELD_STRING, TOP(migrations_dir), .min = 1, .max = TEXT_MAX,
     .preset = CROFT_MIGRATIONS_DIR, .help = "Folder of the schema's files."},
    {"log_level", FIELD_STRING, TOP(log_level), .min = 1, .max = 8, .preset = "info",
     .help = "`debug`, `info`, `warn` or `error`."},
    {"workers", FIELD_INT, TOP(workers), .min = 1, .max = 64, .preset = "2",
     .help = "Worker processes."},
    {"database", FIELD_OBJECT, TOP(database), .flags = FIELD_REQUIRED, .fields = database_fields,
     .help = "PostgreSQL."},
    {"api", FIELD_OBJECT, TOP(api), .fields = api_fields, .help = "The API listener."},
    {"agents", FIELD_OBJECT, TOP(agents), .fields = agents_fields, .help = "The agent listener."},
    {"timing", FIELD_OBJECT, TOP(timing), .fields = timing_fields, .help = "How long things last."},
    {"limits", FIELD_OBJECT, TOP(limits), .fields = limits_fields, .help = "Rate limits."},
    {"events", FIELD_OBJECT, TOP(events), .fields = events_fields, .help = "Event streams."},
    {"consoles", FIELD_OBJECT, TOP(consoles), .fields = consoles_fields, .help = "Consoles."},
    {"webhooks", FIELD_OBJECT, TOP(webhooks), .fields = webhooks_fields, .help = "Webhooks."},
    {"passwords", FIELD_OBJECT, TOP(passwords), .fields = passwords_fields,
     .help = "Password hashing (argon2id)."},
    {"panel", FIELD_OBJECT, TOP(panel), .fields = panel_fields, .help = "The web panel."},
    {"mail", FIELD_OBJECT, TOP(mail), .fields = mail_fields, .help = "Mail to people."},
    {"secrets", FIELD_OBJECT, TOP(secrets), .fields = secrets_fields, .help = "Secrets at rest."},
    {"image_index", FIELD_OBJECT, TOP(image_index), .fields = image_index_fields,
     .help = "Images of others."},
    {"rdns", FIELD_OBJECT, TOP(rdns), .fields = rdns_fields, .help = "Names of addresses."},
    {"billing", FIELD_OBJECT, TOP(billing), .fields = billing_fields, .help = "Billing."},
    {NULL},
};

// A derived string lives in the tree, like all others.
static const char *keep(struct server_config *config, const char *key, json_t *value)
{
    json_object_set_new(config->tree, key, value);
    return json_string_value(json_object_get(config->tree, key));
}

static void derive(struct server_config *config)
{
    if (!config->pki_dir) {
        config->pki_dir = keep(config, "pki_dir", json_sprintf("%s/pki", config->state_dir));
    }
    if (!config->image_dir) {
        config->image_dir = keep(config, "image_dir", json_sprintf("%s/images", config->state_dir));
    }
    if (!config->secrets.key_file) {
        config->secrets.key_file =
            keep(config, "secrets_key_file", json_sprintf("%s/secrets.keys", config->pki_dir));
    }
    if (!config->agents.public_address) {
        config->agents.public_address = config->agents.listen;
    }
    if (!config->agents.console_host) {
        const char *address = config->agents.public_address;
        const char *colon = strrchr(address, ':');
        config->agents.console_host =
            keep(config, "console_host",
                 json_stringn(address, colon ? (size_t)(colon - address) : strlen(address)));
    }
    if (!config->api.public_url) {
        const char *scheme = config->api.tls_certificate ? "https" : "http";
        config->api.public_url =
            keep(config, "public_url", json_sprintf("%s://%s", scheme, config->api.listen));
    }
}

enum billing_mode server_config_billing(const struct server_config *config)
{
    return strcmp(config->billing.mode, "full") == 0     ? BILLING_FULL
           : strcmp(config->billing.mode, "export") == 0 ? BILLING_EXPORT
                                                         : BILLING_NONE;
}

// What a field table cannot say: rules over several fields.
static int check(const struct server_config *config, struct err *err)
{
    if (config->state_dir[0] != '/') {
        return err_at(err, ERR_INVALID, "/state_dir", "must be an absolute path");
    }
    if (log_level_parse(config->log_level) < 0) {
        return err_at(err, ERR_INVALID, "/log_level", "must be debug, info, warn or error");
    }
    if (!config->api.tls_certificate != !config->api.tls_key) {
        return err_at(err, ERR_INVALID, "/api/tls_key",
                      "tls_certificate and tls_key belong together: set both or neither");
    }
    if (config->agents.console_port + config->agents.console_ports > 65536) {
        return err_at(err, ERR_INVALID, "/agents/console_ports", "goes past port 65535");
    }
    if (strcmp(config->mail.tls, "none") != 0 && strcmp(config->mail.tls, "tls") != 0 &&
        strcmp(config->mail.tls, "starttls") != 0) {
        return err_at(err, ERR_INVALID, "/mail/tls", "must be starttls, tls or none");
    }
    if (server_config_billing(config) == BILLING_NONE &&
        strcmp(config->billing.mode, "none") != 0) {
        return err_at(err, ERR_INVALID, "/billing/mode", "must be none, export or full");
    }
    if (!config->rdns.url != !config->rdns.key) {
        return err_at(err, ERR_INVALID, "/rdns/key", "url and key belong together");
    }
    for (size_t i = 0; i < config->image_index.keys.count; i++) {
        if (strspn(config->image_index.keys.items[i], "0123456789abcdef") != 64) {
            return err_at(err, ERR_INVALID, "/image_index/keys", "a key has 64 hex digits");
        }
    }
    if (!config->mail.user != !config->mail.password) {
        return err_at(err, ERR_INVALID, "/mail/user", "user and password belong together");
    }
    if (!mail_address_ok(config->mail.from)) {
        return err_at(err, ERR_INVALID, "/mail/from", "is no address that can be mailed from");
    }
    if (config->passwords.breach_list && access(config->passwords.breach_list, R_OK) < 0) {
        return err_at(err, ERR_INVALID, "/passwords/breach_list", "cannot be read");
    }
    if (config->timing.access_s > config->timing.session_s) {
        return err_at(err, ERR_INVALID, "/timing/access_s", "must not exceed session_s");
    }
    return 0;
}

int server_config_load(const char *path, struct server_config *ret_config, struct err *err)
{
    json_t *tree = NULL;
    struct field_places *places = NULL;
    int r = yaml_read_file(path, &tree, &places, err);
    if (r < 0) {
        return r;
    }
    struct server_config config = {0};
    r = field_decode(config_fields, tree, places, &config, err);
    config.tree = tree;
    config.places = places;
    if (r == 0) {
        r = check(&config, err);
        if (r < 0) {
            char pointer[sizeof(err->pointer)];
            memcpy(pointer, err->pointer, sizeof(pointer));
            field_places_find(places, pointer, err->pointer, sizeof(err->pointer));
        }
    }
    if (r < 0) {
        server_config_finish(&config);
        return r;
    }
    derive(&config);
    *ret_config = config;
    return 0;
}

void server_config_finish(struct server_config *config)
{
    field_release(config_fields, config);
    field_places_destroy(config->places);
    json_decref(config->tree);
    *config = (struct server_config){0};
}

void server_config_print_reference(FILE *to)
{
    field_print_reference(config_fields, "", to);
}
