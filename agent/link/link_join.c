// Enrolling this node with a one-time token, which also names the CA that is to be trusted.
#include "file.h"
#include "http.h"
#include "json.h"
#include "privilege.h"
#include "state_dir.h"
#include "tls.h"
#include "trust.h"
#include "uuid.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { REPLY_MAX = 256 * 1024, SECRET_LEN = 43, FINGERPRINT_LEN = 64 };

static const char token_prefix[] = "croft_join_";

struct joining {
    const struct agent_config *config;
    const char *token;
    char fingerprint[FINGERPRINT_LEN + 1];
    struct event_base *base;
    struct evbuffer *reply;
    int status;
    bool complete;
    char why[128];
};

static int parse_token(const char *token, char fingerprint[FINGERPRINT_LEN + 1], struct err *err)
{
    size_t prefix = sizeof(token_prefix) - 1;
    if (strncmp(token, token_prefix, prefix) != 0 ||
        strlen(token) != prefix + SECRET_LEN + 1 + FINGERPRINT_LEN ||
        token[prefix + SECRET_LEN] != '.' ||
        strspn(token + prefix + SECRET_LEN + 1, "0123456789abcdef") != FINGERPRINT_LEN) {
        return err_set(err, ERR_INVALID, "this is not a join token");
    }
    snprintf(fingerprint, FINGERPRINT_LEN + 1, "%s", token + prefix + SECRET_LEN + 1);
    return 0;
}

// The certificate of the chain whose fingerprint the token states, if it is a CA's; borrowed.
static X509 *find_ca(STACK_OF(X509) * chain, const char *fingerprint)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        char sha256[65];
        tls_cert_sha256(cert, sha256);
        if (strcmp(sha256, fingerprint) == 0 && X509_check_ca(cert) == 1) {
            return cert;
        }
    }
    return NULL;
}

// In the place of OpenSSL's verification: the chain must hold the token's CA, and the server's
// certificate must verify with nothing else trusted.
static int verify_chain(X509_STORE_CTX *given, void *arg)
{
    const struct joining *joining = arg;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(given);
    X509 *leaf = X509_STORE_CTX_get0_cert(given);
    X509 *ca = find_ca(chain, joining->fingerprint);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    int ok = ca && store && ctx && X509_STORE_add_cert(store, ca) == 1 &&
             X509_STORE_CTX_init(ctx, store, leaf, chain) == 1 &&
             X509_STORE_CTX_set_default(ctx, "ssl_server") == 1 && X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_set_error(given, ok ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return ok;
}

static SSL_CTX *make_ctx(struct joining *joining)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) {
        abort();
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_chain, joining);
    return ctx;
}

static bool on_head(int status, struct evkeyvalq *headers, void *arg)
{
    struct joining *joining = arg;
    joining->status = status;
    return true;
}

static void on_data(struct evbuffer *data, void *arg)
{
    struct joining *joining = arg;
    evbuffer_add_buffer(joining->reply, data);
}

static void on_done(bool complete, const char *why, void *arg)
{
    struct joining *joining = arg;
    joining->complete = complete;
    snprintf(joining->why, sizeof(joining->why), "%s", why);
    const struct timeval soon = {.tv_usec = 10000}; // after the connection is freed
    event_base_loopexit(joining->base, &soon);
}

static int exchange(struct joining *joining, const struct link_server *server, const char *body,
                    struct err *err)
{
    static const struct http_handlers handlers = {on_head, on_data, on_done};
    SSL_CTX *ctx = make_ctx(joining);
    joining->base = event_base_new();
    joining->reply = evbuffer_new();
    struct evdns_base *dns = link_dns_create(joining->base);
    const struct http_request request = {.server = server,
                                         .ctx = ctx,
                                         .path = "/agent/v1/join",
                                         .body = body,
                                         .body_max = REPLY_MAX,
                                         .handlers = &handlers,
                                         .arg = joining};
    int r = http_start(joining->base, dns, &request, err);
    if (r == 0) {
        event_base_dispatch(joining->base);
    }
    if (r == 0 && !joining->complete) {
        r = err_set(err, ERR_UNAVAILABLE, "no answer from %s:%u (%s); is its CA the token's?",
                    server->host, server->port, joining->why);
    }
    evdns_base_free(dns, 0);
    event_base_free(joining->base);
    SSL_CTX_free(ctx);
    return r;
}

// The key of an earlier try is used again: the server knows it if only its reply was lost.
static int ensure_request(const struct agent_config *config, char **ret_key, char **ret_csr,
                          struct err *err)
{
    char key_path[LINK_PATH_MAX];
    char csr_path[LINK_PATH_MAX];
    link_pki_path(config, "join.key", key_path);
    link_pki_path(config, "join.csr", csr_path);
    if (file_read(key_path, REPLY_MAX, ret_key, NULL, NULL) == 0) {
        if (file_read(csr_path, REPLY_MAX, ret_csr, NULL, NULL) == 0) {
            return 0;
        }
        free(STEAL(*ret_key));
    }
    int r = tls_make_csr(config->name, ret_key, ret_csr, err);
    if (r == 0) {
        r = file_write_atomic(key_path, *ret_key, strlen(*ret_key), 0600, err);
    }
    if (r == 0) {
        r = file_write_atomic(csr_path, *ret_csr, strlen(*ret_csr), 0600, err);
    }
    return r;
}

static int check_ca(const char *pem, const char *fingerprint, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    char sha256[65] = "";
    if (cert) {
        tls_cert_sha256(cert, sha256);
    }
    X509_free(cert);
    BIO_free(bio);
    return strcmp(sha256, fingerprint) == 0
               ? 0
               : err_set(err, ERR_PROTOCOL, "the CA sent is not the token's");
}

static int read_reply(struct joining *joining, json_t **ret_reply, struct err *err)
{
    size_t len = evbuffer_get_length(joining->reply);
    const char *text = (const char *)evbuffer_pullup(joining->reply, -1);
    int r = json_read(text ? text : "", len, JSON_DEPTH_MAX, ret_reply, err);
    if (joining->status == 201) {
        return r;
    }
    const char *detail = r == 0 ? json_get_string(*ret_reply, "detail", "") : "";
    return err_set(err, ERR_FORBIDDEN, "the server refused (%d): %s", joining->status, detail);
}

static int forget_request(const struct agent_config *config)
{
    char path[LINK_PATH_MAX];
    link_pki_path(config, "join.csr", path);
    int r = unlink(path);
    link_pki_path(config, "join.key", path);
    return unlink(path) < 0 ? -1 : r;
}

// The unprivileged half: talks to the server and leaves its reply in *ret_reply.
static int ask(struct joining *joining, const char *server_text, json_t **ret_reply,
               struct err *err)
{
    struct link_server server;
    _cleanup_free_ char *key = NULL;
    _cleanup_free_ char *csr = NULL;
    int r = link_server_parse(server_text, &server, err);
    if (r == 0) {
        r = privilege_drop(joining->config->link_user, err);
    }
    if (r == 0) {
        r = ensure_request(joining->config, &key, &csr, err);
    }
    if (r < 0) {
        return r;
    }
    _cleanup_json_ json_t *body = json_pack("{s:s, s:s, s:s}", "token", joining->token, "name",
                                            joining->config->name, "csr", csr);
    _cleanup_free_ char *text = json_write(body);
    r = exchange(joining, &server, text, err);
    if (r == 0) {
        r = read_reply(joining, ret_reply, err);
    }
    evbuffer_free(joining->reply);
    return r;
}

// The network is never talked to as root: a child does it, says how it went by one struct err (same
// program, same machine) and then what the server replied.
_noreturn_ static void child(struct joining *joining, const char *server, int to)
{
    struct err err = {0};
    json_t *reply = NULL;
    err.code = ask(joining, server, &reply, &err);
    int r = file_write_all(to, &err, sizeof(err), NULL);
    if (r == 0 && err.code == ERR_OK) {
        char *text = json_write(reply);
        r = file_write_all(to, text, strlen(text), NULL);
    }
    _exit(r < 0);
}

static int hear(int from, json_t **ret_reply, struct err *err)
{
    struct err said = {0};
    _cleanup_free_ char *text = calloc(1, sizeof(said) + REPLY_MAX);
    size_t used = 0;
    ssize_t n;
    if (!text) {
        abort();
    }
    while (used < sizeof(said) + REPLY_MAX &&
           (n = read(from, text + used, sizeof(said) + REPLY_MAX - used)) > 0) {
        used += (size_t)n;
    }
    if (used < sizeof(said)) {
        return err_set(err, ERR_INTERNAL, "the process that asked the server has died");
    }
    memcpy(&said, text, sizeof(said));
    if (said.code < 0) {
        return err_set(err, said.code, "%.*s", (int)sizeof(said.text) - 1, said.text);
    }
    return json_read(text + sizeof(said), used - sizeof(said), JSON_DEPTH_MAX, ret_reply, err);
}

static int ask_in_child(struct joining *joining, const char *server, json_t **ret_reply,
                        struct err *err)
{
    int answer[2];
    if (pipe2(answer, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "making a pipe");
    }
    _cleanup_fd_ int from = answer[0];
    pid_t pid = fork();
    if (pid == 0) {
        child(joining, server, answer[1]);
    }
    close(answer[1]);
    if (pid < 0) {
        return err_errno(err, errno, "starting a process");
    }
    int r = hear(from, ret_reply, err);
    waitpid(pid, NULL, 0);
    return r;
}

// As root: the child is believed no more than the server, whose CA the token names.
static int store_trust(const struct joining *joining, const json_t *reply, struct err *err)
{
    const char *ca = json_get_string(reply, "ca", "");
    if (!uuid_is(json_get_string(reply, "node", ""))) {
        return err_set(err, ERR_PROTOCOL, "the server's reply is malformed");
    }
    int r = check_ca(ca, joining->fingerprint, err);
    return r < 0 ? r
                 : trust_store(joining->config, ca, json_get_string(reply, "image_key", ""), err);
}

// As link_user, whose files these are. The certificate comes last: with it there, the node has joined.
static int store_own(const struct joining *joining, const json_t *reply, const char *server,
                     struct err *err)
{
    _cleanup_free_ char *key = NULL;
    char path[LINK_PATH_MAX];
    link_pki_path(joining->config, "join.key", path);
    int r = file_read(path, REPLY_MAX, &key, NULL, err);
    if (r == 0) {
        link_pki_path(joining->config, "server", path);
        r = file_write_atomic(path, server, strlen(server), 0644, err);
    }
    if (r == 0) {
        const char *certificate = json_get_string(reply, "certificate", "");
        r = link_pki_store(joining->config, certificate, key, err);
    }
    return r;
}

int link_join(const struct agent_config *config, const char *server, const char *token,
              struct err *err)
{
    struct joining joining = {.config = config, .token = token};
    _cleanup_json_ json_t *reply = NULL;
    int r = parse_token(token, joining.fingerprint, err);
    if (r == 0) {
        r = state_dir_prepare(config, err);
    }
    if (r == 0) {
        r = ask_in_child(&joining, server, &reply, err);
    }
    if (r == 0) {
        r = store_trust(&joining, reply, err);
    }
    if (r == 0) {
        r = privilege_drop(config->link_user, err);
    }
    if (r == 0) {
        r = store_own(&joining, reply, server, err);
    }
    if (r == 0 && forget_request(config) == 0) {
        printf("joined as node %s\n", json_get_string(reply, "node", ""));
    }
    return r;
}
