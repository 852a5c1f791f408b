#include "hub_private.h"

#include "console.h"
#include "log.h"
#include "tls.h"
#include "uuid.h"

#include <string.h>

enum {
    HEADER_MAX = 8 * 1024,
    BODY_MAX = 16 * 1024,
    UPLOAD_PIECE_MAX = 1024 * 1024, // docs/agent-protocol.md, Images
    // Of those that are not links yet. A data centre may be behind one address; one address must not have all.
    CONNECTIONS_MAX = 20000,
    CONNECTIONS_PER_ADDRESS_MAX = 5000,
    IDLE_S = 30,
    REQUEST_S = 15,
    JOINS_PER_S = 2,
    JOINS_AT_ONCE = 60,
};

// FNV-1a, 32 bit. Ids are ours and random, so nobody chooses the bucket.
static struct hub_entries *bucket(struct hub *hub, const char *node)
{
    uint32_t hash = 2166136261u;
    for (const char *c = node; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    }
    return &hub->links[hash % HUB_BUCKETS];
}

void hub_add_link(struct hub *hub, struct hub_entry *entry)
{
    LIST_INSERT_HEAD(bucket(hub, entry->node), entry, entry);
    hub->link_count++;
}

void hub_remove_link(struct hub *hub, struct hub_entry *entry)
{
    LIST_REMOVE(entry, entry);
    hub->link_count--;
}

struct hub_link *hub_find_link(struct hub *hub, const char *node)
{
    struct hub_entry *entry;
    LIST_FOREACH (entry, bucket(hub, node), entry) {
        if (strcmp(entry->node, node) == 0) {
            return entry->link; // the newest: they enter at the head
        }
    }
    return NULL;
}

void hub_links_changed(struct hub *hub)
{
    if (hub->draining && hub->edges_open == 0 && hub->link_count == 0 && hub->drained) {
        void (*drained)(void *arg) = STEAL(hub->drained);
        drained(hub->drained_arg);
    }
}

static void wake_all(struct hub *hub)
{
    for (size_t i = 0; i < HUB_BUCKETS; i++) {
        struct hub_entry *entry;
        LIST_FOREACH (entry, &hub->links[i], entry) {
            hub_link_wake(entry->link);
        }
    }
}

// croft_task: the payload is a node. After a reconnect of LISTEN (no payload) every link asks, which
// also finds out that it was superseded or revoked meanwhile.
static void on_task(const char *channel, const char *payload, void *arg)
{
    struct hub *hub = arg;
    if (!payload) {
        wake_all(hub);
        return;
    }
    struct hub_entry *entry;
    LIST_FOREACH (entry, bucket(hub, payload), entry) {
        if (strcmp(entry->node, payload) == 0) {
            hub_link_wake(entry->link);
        }
    }
}

// croft_link: "<node> <epoch>".
static void on_link(const char *channel, const char *payload, void *arg)
{
    struct hub *hub = arg;
    if (!payload || strlen(payload) < UUID_LEN + 2 || payload[UUID_LEN] != ' ') {
        return; // after a reconnect on_task asks for all
    }
    char node[UUID_LEN + 1];
    snprintf(node, sizeof(node), "%.*s", UUID_LEN, payload);
    int64_t epoch = strtoll(payload + UUID_LEN + 1, NULL, 10);
    struct hub_entry *entry;
    LIST_FOREACH (entry, bucket(hub, node), entry) {
        if (strcmp(entry->node, node) == 0) {
            hub_link_supersede(entry->link, epoch);
        }
    }
}

// croft_revoke: the payload is a node.
static void on_revoke(const char *channel, const char *payload, void *arg)
{
    struct hub *hub = arg;
    if (!payload) {
        return; // as above; consoles are cut with all that listens for revocations
    }
    struct hub_entry *entry;
    LIST_FOREACH (entry, bucket(hub, payload), entry) {
        if (strcmp(entry->node, payload) == 0) {
            hub_link_revoke(entry->link);
        }
    }
    if (hub->consoles) {
        consoles_cut_node(hub->consoles, payload);
    }
}

// Lets the handshake pass with any client certificate; hub_http.c answers 403 to a bad one, where a
// TLS alert would tell an agent nothing.
static int accept_for_now(int ok, X509_STORE_CTX *store)
{
    return 1;
}

void hub_edge_config(const struct hub *hub, struct edge_config *ret_config)
{
    *ret_config = (struct edge_config){
        .tls = hub->tls,
        .header_max = HEADER_MAX,
        .body_max = BODY_MAX,
        .body_max_known = UPLOAD_PIECE_MAX,
        .connections_max = CONNECTIONS_MAX,
        .connections_per_address_max = CONNECTIONS_PER_ADDRESS_MAX,
        .idle_s = IDLE_S,
        .request_s = REQUEST_S,
    };
}

static int open_listener(struct hub *hub, int socket, struct err *err)
{
    const char *dir = hub->config->pki_dir;
    char cert[4096], key[4096], ca[4096];
    snprintf(cert, sizeof(cert), "%s/agents.crt", dir);
    snprintf(key, sizeof(key), "%s/agents.key", dir);
    snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
    int r = tls_server_ctx(cert, key, ca, TLS_PEER_OPTIONAL, &hub->tls, err);
    if (r < 0) {
        return r;
    }
    SSL_CTX_set_verify(hub->tls, SSL_VERIFY_PEER, accept_for_now);
    struct edge_config config;
    hub_edge_config(hub, &config);
    config.listen = hub->config->agents.listen;
    config.socket = socket;
    return edge_create(hub->base, &config, hub_http_handle, hub, &hub->edge, err);
}

int hub_create(struct event_base *base, struct db *db, const struct server_config *config,
               struct limits *limits, int socket, struct hub **ret_hub, struct err *err)
{
    struct hub *hub = calloc(1, sizeof(*hub));
    if (!hub) {
        abort();
    }
    hub->base = base;
    hub->db = db;
    hub->config = config;
    hub->joins = limiter_create(limits, LIMIT_JOIN, JOINS_PER_S, JOINS_AT_ONCE);
    LIST_INIT(&hub->calls);
    int r = pki_ca_load(config->pki_dir, &hub->ca, err);
    if (r == 0) {
        r = open_listener(hub, socket, err);
    }
    if (r < 0) {
        hub_destroy(hub);
        return err_wrap(err, "agent listener");
    }
    db_listen(db, "croft_task", on_task, hub);
    db_listen(db, "croft_link", on_link, hub);
    db_listen(db, "croft_revoke", on_revoke, hub);
    *ret_hub = hub;
    return 0;
}

int hub_port(const struct hub *hub)
{
    return edge_port(hub->edge);
}

size_t hub_link_count(const struct hub *hub)
{
    return hub->link_count;
}

static void on_edge_drained(void *arg)
{
    struct hub *hub = arg;
    hub->edges_open--;
    hub_links_changed(hub);
}

void hub_drain(struct hub *hub, void (*drained)(void *arg), void *arg)
{
    hub->draining = true;
    hub->drained = drained;
    hub->drained_arg = arg;
    for (size_t i = 0; i < HUB_BUCKETS; i++) {
        struct hub_entry *entry;
        LIST_FOREACH (entry, &hub->links[i], entry) {
            hub_link_leave(entry->link);
        }
    }
    hub->edges_open = hub->console_edge ? 2 : 1;
    edge_drain(hub->edge, on_edge_drained, hub);
    if (hub->console_edge) {
        edge_drain(hub->console_edge, on_edge_drained, hub);
    }
}

void hub_destroy(struct hub *hub)
{
    if (!hub) {
        return;
    }
    hub_http_stop(hub);
    for (size_t i = 0; i < HUB_BUCKETS; i++) {
        struct hub_entry *entry;
        while ((entry = LIST_FIRST(&hub->links[i]))) {
            hub_link_destroy(entry->link);
        }
    }
    if (hub->edge) {
        edge_destroy(hub->edge);
    }
    if (hub->console_edge) {
        edge_destroy(hub->console_edge);
    }
    SSL_CTX_free(hub->tls);
    limiter_destroy(hub->joins);
    pki_ca_destroy(hub->ca);
    free(hub);
}
