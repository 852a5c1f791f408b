#include "api.h"

#include "api_private.h"
#include "macro.h"
#include "panel.h"
#include "pki.h"
#include "tls.h"

#include <string.h>

enum { HEADER_MAX = 16384, IDLE_S = 60, REQUEST_S = 20, BURST_S = 10 };

static int load_keys(struct api *api, struct err *err)
{
    int r = access_key_load(api->config->pki_dir, &api->access_key, err);
    struct pki_ca *ca = NULL;
    if (r == 0) {
        r = pki_ca_load(api->config->pki_dir, &ca, err);
    }
    if (r == 0) {
        api->ca_sha256 = strdup(pki_ca_sha256(ca));
        pki_ca_destroy(ca);
    }
    if (r == 0 && api->config->api.tls_certificate) {
        r = tls_server_ctx(api->config->api.tls_certificate, api->config->api.tls_key, NULL,
                           TLS_PEER_NONE, &api->tls, err);
    }
    return r;
}

static int make_passwords(struct api *api, struct err *err)
{
    struct password_config config = {
        .memory_bytes = (size_t)api->config->passwords.memory_bytes,
        .passes = (unsigned long long)api->config->passwords.passes,
        .threads = (int)api->config->passwords.threads,
        .queue_max = (int)api->config->passwords.queue,
        .breach_list = api->config->passwords.breach_list,
    };
    return password_pool_create(api->base, &config, &api->passwords, err);
}

static void make_limiters(struct api *api, struct limits *limits)
{
    double rate = (double)api->config->limits.requests_per_s;
    double signins = (double)api->config->limits.signin_per_min;
    api->by_address = limiter_create(limits, LIMIT_ADDRESS, rate, rate * BURST_S);
    api->by_token = limiter_create(limits, LIMIT_TOKEN, rate, rate * BURST_S);
    api->signins = limiter_create(limits, LIMIT_SIGNIN, signins / 60, signins);
}

static int open_edge(struct api *api, int socket, struct err *err)
{
    struct edge_config config = {
        .socket = socket,
        .listen = api->config->api.listen,
        .tls = api->tls,
        .header_max = HEADER_MAX,
        .body_max = (size_t)api->config->api.body_max,
        .connections_max = (int)api->config->api.connections,
        .connections_per_address_max = (int)api->config->api.connections_per_address,
        .idle_s = IDLE_S,
        .request_s = REQUEST_S,
    };
    return edge_create(api->base, &config, request_begin, api, &api->edge, err);
}

int api_create(struct event_base *base, struct db *db, const struct server_config *config,
               const struct api_parts *parts, struct api **ret_api, struct err *err)
{
    struct api *api = calloc(1, sizeof(*api));
    api->base = base;
    api->db = db;
    api->config = config;
    api->consoles = parts->consoles;
    api->gauges = parts->gauges;
    api->secrets = parts->secrets;
    api->limits = parts->limits;
    TAILQ_INIT(&api->requests);
    api->metrics = metrics_create();
    api->revocations = revocations_create(base);
    api->streams = streams_create(&(struct streams_config){
        .base = base,
        .db = db,
        .revocations = api->revocations,
        .limits = parts->limits,
        .max = (int)config->events.streams,
        .max_per_credential = (int)config->events.streams_per_credential,
        .max_per_tenant = (int)config->events.streams_per_tenant,
    });
    make_limiters(api, parts->limits);
    int r = config->panel.dir ? panel_load(config->panel.dir, &api->panel, err) : 0;
    if (r == 0) {
        r = load_keys(api, err);
    }
    if (r == 0) {
        r = make_passwords(api, err);
    }
    if (r == 0) {
        r = open_edge(api, parts->socket, err);
    }
    if (r < 0) {
        api_destroy(api);
        return r;
    }
    api->waits = waits_create(base, db); // last: the database keeps calling these three
    revocations_listen(api->revocations, db);
    streams_listen(api->streams);
    *ret_api = api;
    return 0;
}

int api_port(const struct api *api)
{
    return edge_port(api->edge);
}

void api_drain(struct api *api, void (*drained)(void *arg), void *arg)
{
    edge_drain(api->edge, drained, arg);
    waits_end_all(api->waits);
    streams_end_all(api->streams);
}

void api_destroy(struct api *api)
{
    if (!api) {
        return;
    }
    struct request *request;
    while ((request = TAILQ_FIRST(&api->requests))) {
        request_end(request); // its edge request goes with the edge
    }
    edge_destroy(api->edge);
    password_pool_destroy(api->passwords);
    waits_destroy(api->waits);
    streams_destroy(api->streams);
    revocations_destroy(api->revocations);
    limiter_destroy(api->by_address);
    limiter_destroy(api->by_token);
    limiter_destroy(api->signins);
    metrics_destroy(api->metrics);
    panel_destroy(api->panel); // behind the edge, which sends from it
    access_key_destroy(api->access_key);
    SSL_CTX_free(api->tls);
    free(api->ca_sha256);
    free(api);
}
