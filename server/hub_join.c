// POST /agent/v1/join: a one-time token and a request for a certificate make a node.
#include "hub_private.h"

#include "field.h"
#include "json.h"
#include "log.h"
#include "token.h"

#include <string.h>
#include <time.h>

enum { DEPTH_MAX = 2, CSR_MAX = 8192, SECRET_LEN = 43, CA_LEN = 64, TOKEN_LEN = 11 + 43 + 1 + 64 };

static const char prefix[] = "croft_join_";

struct body {
    const char *token, *name, *csr;
};

static const struct field body_fields[] = {
    {"token", FIELD_STRING, offsetof(struct body, token), TOKEN_LEN, TOKEN_LEN,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"name", FIELD_NAME, offsetof(struct body, name), .flags = FIELD_REQUIRED},
    {"csr", FIELD_STRING, offsetof(struct body, csr), 1, CSR_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

// What outlives the request's body until the answer.
struct join {
    char token_sha256[65], spki_sha256[65];
    char name[64], peer[64];
    char *csr;
    struct pki_certificate certificate;
};

static void join_free(void *data)
{
    struct join *join = data;
    pki_certificate_finish(&join->certificate);
    free(join->csr);
    free(join);
}

// Only the part before the dot is the secret; the CA behind it is for the agent, and must be ours.
static int hash_token(const struct hub *hub, const char *token, char ret_sha256[65],
                      struct err *err)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t prefix_len = strlen(prefix);
    const char *dot = strchr(token, '.');
    if (strncmp(token, prefix, prefix_len) != 0 ||
        strspn(token + prefix_len, alphabet) != SECRET_LEN ||
        dot != token + prefix_len + SECRET_LEN) {
        return err_at(err, ERR_FORBIDDEN, "/token", "This is not a join token.");
    }
    if (strcmp(dot + 1, pki_ca_sha256(hub->ca)) != 0) {
        return err_at(err, ERR_FORBIDDEN, "/token", "This join token is of another control plane.");
    }
    token_hash(token, (size_t)(dot - token), ret_sha256);
    return 0;
}

static int read_body(const struct hub *hub, struct edge_request *request, struct join *join,
                     struct err *err)
{
    size_t len;
    const char *text = edge_body(request, &len);
    _cleanup_json_ json_t *json = NULL;
    struct body body;
    int r;
    if ((r = json_read(text, len, DEPTH_MAX, &json, err)) < 0 ||
        (r = field_decode(body_fields, json, NULL, &body, err)) < 0 ||
        (r = hash_token(hub, body.token, join->token_sha256, err)) < 0 ||
        (r = pki_csr_check(body.csr, join->spki_sha256, err)) < 0) {
        return r;
    }
    snprintf(join->name, sizeof(join->name), "%s", body.name);
    snprintf(join->peer, sizeof(join->peer), "%s", edge_peer(request));
    join->csr = strdup(body.csr);
    return 0;
}

static void reply_joined(struct hub_call *call, const struct db_rows *rows)
{
    const struct join *join = call->data;
    log_info("node_joined", "node=%s name=%s peer=%s serial=%s", call->node, join->name, join->peer,
             join->certificate.serial);
    _cleanup_json_ json_t *body = json_pack(
        "{s:s, s:s, s:s, s:s}", "node", call->node, "certificate", join->certificate.pem, "ca",
        pki_ca_pem(call->hub->ca), "image_key", pki_image_public_key(call->hub->ca));
    _cleanup_free_ char *text = json_write(body);
    edge_reply(call->request, 201, "application/json", text, strlen(text));
    hub_call_end(call);
}

// The token was good and the node is there; a certificate is answered only when it is recorded. If the
// answer is lost here, the agent joins again with the same key.
static void record_certificate(struct hub_call *call, const struct db_rows *rows)
{
    struct join *join = call->data;
    const char *node = db_rows_count(rows) > 0 ? db_rows_get(rows, 0, "node_id") : NULL;
    struct err err = {0};
    if (!node || strlen(node) != PKI_NODE_ID) {
        err_set(&err, ERR_INTERNAL, "node_join gave no node");
        hub_call_fail(call, &err);
        return;
    }
    memcpy(call->node, node, sizeof(call->node));
    struct pki_certificate *certificate = &join->certificate;
    if (pki_sign_agent(call->hub->ca, join->csr, call->node,
                       call->hub->config->agents.certificate_s, certificate, &err) < 0) {
        hub_call_fail(call, &err);
        return;
    }
    struct db_request query = {
        .steps = {{.sql = SQL_CERTIFICATE_RECORD,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 5,
                   .params = {call->node, certificate->serial, certificate->spki_sha256,
                              certificate->fingerprint, certificate->not_after}}},
        .step_count = 1,
    };
    call->then = reply_joined;
    hub_call_run(call, &query);
}

// Answers 429 to a network that joins more often than data centres are filled.
static bool refuse_flood(struct hub *hub, struct edge_request *request)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    int wait_s = limiter_take(hub->joins, edge_network(request), now_ms);
    if (wait_s == 0) {
        return false;
    }
    char seconds[16];
    struct err err = {0};
    snprintf(seconds, sizeof(seconds), "%d", wait_s);
    edge_add_header(request, "Retry-After", seconds);
    err_set(&err, ERR_RATE_LIMITED, "Too many requests to join: try again in %d s.", wait_s);
    edge_reply_problem(request, &err);
    return true;
}

void hub_join(struct hub *hub, struct edge_request *request)
{
    if (refuse_flood(hub, request)) {
        return;
    }
    struct hub_call *call = hub_call_new(hub, request);
    struct join *join = calloc(1, sizeof(*join));
    if (!join) {
        abort();
    }
    call->data = join;
    call->data_free = join_free;
    call->then = record_certificate;
    struct err err = {0};
    if (read_body(hub, request, join, &err) < 0) {
        hub_call_fail(call, &err);
        return;
    }
    struct db_request query = {
        .steps = {{.sql = SQL_NODE_JOIN,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 4,
                   .params = {join->token_sha256, join->spki_sha256, join->name, join->peer}}},
        .step_count = 1,
    };
    hub_call_run(call, &query);
}
