#include "rdns.h"

#include "config.h"
#include "db.h"
#include "json.h"
#include "log.h"
#include "macro.h"
#include "outbound.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    INTERVAL_S = 2,
    NONE_INTERVAL_S = 10,
    DEADLINE_MS = 10000,
    TIMEOUT_S = 15,
    CODE_NONE = 204,
    CODE_OK = 200
};

struct change {
    TAILQ_ENTRY(change) link;
    struct rdns *rdns;
    char address[64], serial[24];
    CURL *easy;
    struct curl_slist *headers;
};

struct rdns {
    struct db *db;
    struct outbound *outbound;
    const struct server_config *config;
    struct event *timer;
    struct db_query *query; // the claim that is under way
    TAILQ_HEAD(, change) changes;
};

const char *rdns_zone_of(const char *const *zones, size_t count, const char *reverse)
{
    const char *best = NULL;
    size_t len = strlen(reverse);
    for (size_t i = 0; i < count; i++) {
        size_t zone = strlen(zones[i]);
        if (zone < len && reverse[len - zone - 1] == '.' &&
            strcmp(reverse + len - zone, zones[i]) == 0 && (!best || zone > strlen(best))) {
            best = zones[i];
        }
    }
    return best;
}

static void free_change(struct change *change)
{
    TAILQ_REMOVE(&change->rdns->changes, change, link);
    curl_slist_free_all(change->headers);
    curl_easy_cleanup(change->easy);
    free(change);
}

static void ignore(const struct db_outcome *outcome, void *arg)
{
}

// error NULL: the name servers have it.
static void record(struct rdns *rdns, const char *address, const char *serial, const char *error)
{
    if (error) {
        log_warn("rdns_failed", "address=%s error=%s", address, LOGQ(error));
    }
    struct db_request request = {
        .steps = {{.sql = SQL_RDNS_DONE,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 3,
                   .params = {address, serial, error}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    (void)!db_run(rdns->db, &request, ignore, NULL, NULL, NULL); // or the lease ends
}

static void on_told(CURLcode code, void *arg)
{
    struct change *change = arg;
    long status = 0;
    char error[64];
    curl_easy_getinfo(change->easy, CURLINFO_RESPONSE_CODE, &status);
    snprintf(error, sizeof(error), "the name server answered %ld", status);
    bool told = code == CURLE_OK && (status == CODE_OK || status == CODE_NONE);
    record(change->rdns, change->address, change->serial,
           told               ? NULL
           : code != CURLE_OK ? curl_easy_strerror(code)
                              : error);
    free_change(change);
}

// name NULL: the record goes.
static char *compose(const struct rdns *rdns, const char *reverse, const char *name)
{
    char content[260];
    snprintf(content, sizeof(content), "%s.", name ? name : "");
    json_t *records = json_array();
    if (name) {
        json_array_append_new(records, json_pack("{s:s, s:b}", "content", content, "disabled", 0));
    }
    _cleanup_json_ json_t *body =
        json_pack("{s:[{s:s, s:s, s:I, s:s, s:o}]}", "rrsets", "name", reverse, "type", "PTR",
                  "ttl", (json_int_t)rdns->config->rdns.ttl_s, "changetype",
                  name ? "REPLACE" : "DELETE", "records", records);
    return json_write(body);
}

static size_t discard(char *bytes, size_t size, size_t count, void *arg)
{
    return size * count;
}

static void set_options(struct change *change, const char *url, const char *body)
{
    const struct server_config *config = change->rdns->config;
    char key[512];
    snprintf(key, sizeof(key), "X-API-Key: %s", config->rdns.key);
    change->headers = curl_slist_append(change->headers, key);
    change->headers = curl_slist_append(change->headers, "Content-Type: application/json");
    curl_easy_setopt(change->easy, CURLOPT_URL, url);
    curl_easy_setopt(change->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(change->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(change->easy, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(change->easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(change->easy, CURLOPT_HTTPHEADER, change->headers);
    curl_easy_setopt(change->easy, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(change->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(change->easy, CURLOPT_WRITEFUNCTION, discard);
}

static void tell(struct rdns *rdns, const struct db_rows *rows, int row)
{
    const char *address = db_rows_get(rows, row, "address");
    const char *reverse = db_rows_get(rows, row, "reverse");
    const char *serial = db_rows_get(rows, row, "serial");
    const struct field_strings *zones = &rdns->config->rdns.zones;
    const char *zone = rdns_zone_of(zones->items, zones->count, reverse);
    if (!zone) {
        record(rdns, address, serial, "no zone of rdns.zones holds it");
        return;
    }
    struct change *change = calloc(1, sizeof(*change));
    _cleanup_free_ char *body = compose(rdns, reverse, db_rows_get(rows, row, "name"));
    _cleanup_free_ char *url = NULL;
    if (!change || !(change->easy = curl_easy_init()) ||
        asprintf(&url, "%s/api/v1/servers/localhost/zones/%s", rdns->config->rdns.url, zone) < 0) {
        abort();
    }
    change->rdns = rdns;
    snprintf(change->address, sizeof(change->address), "%s", address);
    snprintf(change->serial, sizeof(change->serial), "%s", serial);
    TAILQ_INSERT_TAIL(&rdns->changes, change, link);
    set_options(change, url, body);
    outbound_start(rdns->outbound, change->easy, on_told, change);
}

static void on_claimed(const struct db_outcome *outcome, void *arg)
{
    struct rdns *rdns = arg;
    rdns->query = NULL;
    if (outcome->err) {
        log_warn("rdns_claim_failed", "sqlstate=%s error=%s", outcome->sqlstate,
                 LOGQ(outcome->err->text));
        return;
    }
    for (int i = 0; i < db_rows_count(outcome->rows); i++) {
        tell(rdns, outcome->rows, i);
    }
}

// There is no name server: nothing waits for one.
static void forgo(struct rdns *rdns)
{
    struct db_request request = {
        .steps = {{.sql = SQL_RDNS_FORGO, .role = DB_ROLE_LOGIN}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    (void)!db_run(rdns->db, &request, ignore, NULL, NULL, NULL); // or with the next tick
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct rdns *rdns = arg;
    if (rdns->query || !db_ready(rdns->db)) {
        return;
    }
    if (!rdns->config->rdns.url) {
        forgo(rdns);
        return;
    }
    struct db_request request = {
        .steps = {{.sql = SQL_RDNS_CLAIM, .role = DB_ROLE_LOGIN}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(rdns->db, &request, on_claimed, rdns, &rdns->query, NULL) < 0) {
        rdns->query = NULL; // the pool is full; the next tick comes soon
    }
}

struct rdns *rdns_start(struct event_base *base, struct db *db, const struct server_config *config)
{
    struct rdns *rdns = calloc(1, sizeof(*rdns));
    if (!rdns) {
        abort();
    }
    rdns->db = db;
    rdns->outbound = outbound_create(base);
    rdns->config = config;
    TAILQ_INIT(&rdns->changes);
    rdns->timer = event_new(base, -1, EV_PERSIST, on_timer, rdns);
    int interval_s = config->rdns.url ? INTERVAL_S : NONE_INTERVAL_S;
    evtimer_add(rdns->timer, &(struct timeval){.tv_sec = interval_s});
    return rdns;
}

void rdns_stop(struct rdns *rdns)
{
    if (!rdns) {
        return;
    }
    if (rdns->query) {
        db_cancel(rdns->query);
    }
    struct change *change;
    while ((change = TAILQ_FIRST(&rdns->changes))) {
        outbound_cancel(rdns->outbound, change->easy);
        free_change(change);
    }
    outbound_destroy(rdns->outbound);
    event_free(rdns->timer);
    free(rdns);
}
