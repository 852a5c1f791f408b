#include "rig_server.h"

#include "file.h"
#include "json.h"
#include "tls.h"
#include "uuid.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { PATIENCE_MS = 20000 };

static const char secret[] = "0123456789012345678901234567890123456789abc";
static const char node[] = "0190a000-0000-7000-8000-000000000001";

static struct rig *the_rig;
static struct event_base *base;
static struct evconnlistener *listener;
static SSL_CTX *ctx;
static int port;
static unsigned char image_public[32], image_secret[64];
static char *image;

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_eq(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static char *slurp(const char *dir, const char *name, size_t *ret_len)
{
    char path[256];
    char *text = NULL;
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (file_read(path, 16 << 20, &text, ret_len, &err) < 0) {
        ck_abort_msg("%s", err.text);
    }
    return text;
}

static void reply(struct bufferevent *bev, int status, const char *extra, const char *body,
                  size_t len)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    evbuffer_add_printf(out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", status, len, extra);
    evbuffer_add(out, body, len);
}

static void *read_pem(const char *name, void *(*read)(BIO *bio))
{
    _cleanup_free_ char *text = slurp(the_rig->pki.dir, name, NULL);
    BIO *bio = BIO_new_mem_buf(text, -1);
    void *object = read(bio);
    ck_assert_ptr_nonnull(object);
    BIO_free(bio);
    return object;
}

static void *read_cert(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, NULL, NULL);
}

static void *read_key(BIO *bio)
{
    return PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
}

// Changes when a certificate began, and signs it anew with the CA's key.
static char *age_certificate(const char *name)
{
    X509 *cert = read_pem(name, read_cert);
    EVP_PKEY *key = read_pem("ca.key", read_key);
    X509_gmtime_adj(X509_getm_notBefore(cert), -10 * 86400);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
    return text;
}

static char *certify(const char *csr)
{
    const struct unit_pki *pki = &the_rig->pki;
    write_file(pki->dir, "node.csr", csr);
    char script[512];
    snprintf(script, sizeof(script),
             "exec 2>/dev/null; cd \"$0\" && openssl x509 -req -in node.csr -CA ca.crt -CAkey "
             "ca.key -days 2 -subj /CN=%s -extfile client.ext -out node.crt",
             node);
    ck_assert_int_eq(unit_pki_shell(script, pki->dir), 0);
    bool old = the_rig->old_certificate;
    the_rig->old_certificate = false;
    return old ? age_certificate("node.crt") : slurp(pki->dir, "node.crt", NULL);
}

static void answer_join(struct bufferevent *bev, const char *body)
{
    _cleanup_json_ json_t *request = json_loads(body, 0, NULL);
    ck_assert_ptr_nonnull(request);
    const struct unit_pki *pki = &the_rig->pki;
    _cleanup_free_ char *cert = certify(json_get_string(request, "csr", ""));
    _cleanup_free_ char *ca = slurp(pki->dir, "ca.crt", NULL);
    char key[65];
    sodium_bin2hex(key, sizeof(key), image_public, sizeof(image_public));
    _cleanup_json_ json_t *answer = json_pack("{s:s, s:s, s:s, s:s}", "node", node, "certificate",
                                              cert, "ca", ca, "image_key", key);
    _cleanup_free_ char *text = json_write(answer);
    reply(bev, 201, "", text, strlen(text));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        bufferevent_free(bev);
    }
}

static void on_half_written(struct bufferevent *bev, void *arg)
{
    bufferevent_free(bev);
}

static void answer_image(struct bufferevent *bev, const char *head)
{
    size_t size = (size_t)the_rig->image_size;
    size_t from = 0;
    char extra[128] = "";
    const char *range = strcasestr(head, "\r\nRange: bytes=");
    if (range) {
        from = strtoul(range + 15, NULL, 10);
        snprintf(extra, sizeof(extra), "Content-Range: bytes %zu-%zu/%zu\r\n", from, size - 1,
                 size);
        the_rig->ranges++;
    }
    if (the_rig->cut_download) {
        the_rig->cut_download = false;
        struct evbuffer *out = bufferevent_get_output(bev);
        evbuffer_add_printf(out, "HTTP/1.1 200 X\r\nContent-Length: %zu\r\n\r\n", size);
        evbuffer_add(out, image, size / 2);
        bufferevent_setcb(bev, NULL, on_half_written, on_event, NULL);
        return;
    }
    reply(bev, range ? 206 : 200, extra, image + from, size - from);
}

static void on_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    json_t *message = json_loadb(text, len, 0, NULL);
    ck_assert_ptr_nonnull(message);
    if (strcmp(json_get_string(message, "type", ""), "hello") == 0) {
        the_rig->hellos++;
    }
    json_array_append_new(the_rig->received, message);
}

static void on_ws_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    ws_destroy(ws);
    if (the_rig->ws == ws) {
        the_rig->ws = NULL;
    }
}

static void answer_link(struct bufferevent *bev, const char *head)
{
    char key[25] = "";
    char accept[29];
    const char *at = strcasestr(head, "\r\nSec-WebSocket-Key: ");
    ck_assert_ptr_nonnull(at);
    snprintf(key, sizeof(key), "%.24s", at + 21);
    ws_accept(key, accept);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: croft.v1\r\n\r\n",
                        accept);
    static const struct ws_handlers handlers = {on_message, on_ws_closed};
    static const struct ws_limits limits = {1 << 20, 1 << 23, 10};
    the_rig->ws = ws_create(bev, WS_SERVER, &handlers, &limits, NULL);
}

static void on_request(struct bufferevent *bev, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(bev);
    evbuffer_add(in, "", 1);
    char *head = (char *)evbuffer_pullup(in, -1);
    char *end = strstr(head, "\r\n\r\n");
    const char *length = strcasestr(head, "\r\nContent-Length: ");
    size_t body = length ? strtoul(length + 18, NULL, 10) : 0;
    size_t len = evbuffer_get_length(in) - 1;
    if (end && len >= (size_t)(end + 4 - head) + body) {
        _cleanup_free_ char *copy = strndup(head, len);
        evbuffer_drain(in, len + 1);
        if (strncmp(copy, "POST /agent/v1/join ", 20) == 0) {
            answer_join(bev, strstr(copy, "\r\n\r\n") + 4);
        } else if (strncmp(copy, "GET /agent/v1/images/", 21) == 0) {
            answer_image(bev, copy);
        } else if (strncmp(copy, "GET /agent/v1/link ", 19) == 0) {
            answer_link(bev, copy);
        }
        return;
    }
    // Put the input back without the NUL.
    _cleanup_free_ char *copy = malloc(len + 1);
    evbuffer_remove(in, copy, len + 1);
    evbuffer_add(in, copy, len);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, fd, SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    bufferevent_setcb(bev, on_request, NULL, on_event, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void listen_on_loopback(struct rig *rig)
{
    char chain[128];
    struct err err = {0};
    ck_assert_int_eq(unit_pki_shell("cd \"$0\" && cat server.crt ca.crt >chain.crt", rig->pki.dir),
                     0);
    snprintf(chain, sizeof(chain), "%s/chain.crt", rig->pki.dir);
    int r =
        tls_server_ctx(chain, rig->pki.server_key, rig->pki.ca_cert, TLS_PEER_OPTIONAL, &ctx, &err);
    ck_assert_msg(r == 0, "%s", err.text);
    base = event_base_new();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = evconnlistener_new_bind(base, on_accept, NULL,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16,
                                       (struct sockaddr *)&address, sizeof(address));
    ck_assert_ptr_nonnull(listener);
    socklen_t len = sizeof(address);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &len);
    port = ntohs(address.sin_port);
}

static void make_image(struct rig *rig)
{
    ck_assert_int_eq(unit_pki_shell("cd \"$0\" && mkdir -p i/etc && head -c 300000 /dev/urandom "
                                    ">i/etc/blob && tar --zstd -cf image -C i .",
                                    rig->dir),
                     0);
    size_t len = 0;
    image = slurp(rig->dir, "image", &len);
    rig->image_size = (int64_t)len;
    unsigned char hash[32];
    unsigned char signature[64];
    char text[160];
    crypto_hash_sha256(hash, (unsigned char *)image, len);
    sodium_bin2hex(rig->sha256, sizeof(rig->sha256), hash, sizeof(hash));
    crypto_sign_keypair(image_public, image_secret);
    int n = snprintf(text, sizeof(text), "croft-image-v1\n%s\n%zu\n", rig->sha256, len);
    crypto_sign_detached(signature, NULL, (unsigned char *)text, (unsigned long long)n,
                         image_secret);
    sodium_bin2hex(rig->signature, sizeof(rig->signature), signature, sizeof(signature));
}

static void run_program(struct rig *rig, const char *command, const char *const *extra)
{
    char config[128];
    snprintf(config, sizeof(config), "%s/config.yaml", rig->dir);
    const char *argv[12] = {"croft-agent", command, "--config", config};
    for (size_t i = 4; extra && *extra; i++) {
        argv[i] = *extra++;
    }
    const char *program = getenv("CROFT_AGENT");
    ck_assert_ptr_nonnull(program);
    execv(program, (char **)(uintptr_t)argv);
    _exit(127);
}

void rig_start(struct rig *rig)
{
    *rig = (struct rig){.received = json_array()};
    the_rig = rig;
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_ge(sodium_init(), 0);
    unit_pki_make(&rig->pki);
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/croft-rig-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig->dir));
    chmod(rig->dir, 0755);
    snprintf(rig->state, sizeof(rig->state), "%s/state", rig->dir);
    make_image(rig);
    listen_on_loopback(rig);
    char text[1024];
    snprintf(text, sizeof(text),
             "state_dir: %s\nname: node1\nlink_user: nobody\nlog_level: debug\n"
             "drivers:\n  container: fake\n  volume: fake\n  network: fake\n"
             "sample_s: 1\nreport_s: 1\n",
             rig->state);
    write_file(rig->dir, "config.yaml", text);
}

void rig_join(struct rig *rig)
{
    char sha256[65];
    char token[256];
    char server[32];
    char token_file[96];
    unit_pki_fingerprint(&rig->pki, "openssl x509 -in \"$0\" -outform DER | sha256sum | cut -c1-64",
                         sha256);
    snprintf(token, sizeof(token), "croft_join_%s.%s", secret, sha256);
    snprintf(server, sizeof(server), "127.0.0.1:%d", port);
    write_file(rig->dir, "token", strcat(token, "\n"));
    snprintf(token_file, sizeof(token_file), "%s/token", rig->dir);
    pid_t pid = fork();
    if (pid == 0) {
        const char *const extra[] = {"--server", server, "--token-file", token_file, NULL};
        run_program(rig, "join", extra);
    }
    int status = -1;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        rig_serve_ms(rig, 20);
    }
    ck_assert_int_eq(status, 0);
}

void rig_run_agent(struct rig *rig)
{
    rig->agent = fork();
    if (rig->agent == 0) {
        run_program(rig, "run", NULL);
    }
}

void rig_stop_agent(struct rig *rig)
{
    int status = -1;
    kill(rig->agent, SIGTERM);
    while (waitpid(rig->agent, &status, WNOHANG) == 0) {
        rig_serve_ms(rig, 20);
    }
    rig->agent = 0;
    ck_assert_int_eq(status, 0);
}

void rig_finish(struct rig *rig)
{
    if (rig->agent > 0) {
        rig_stop_agent(rig);
    }
    unit_pki_remove(&rig->pki);
    unit_pki_shell("rm -rf \"$0\"", rig->dir);
    json_decref(rig->received);
    free(image);
    evconnlistener_free(listener);
    event_base_free(base);
    SSL_CTX_free(ctx);
}

void rig_serve_ms(struct rig *rig, int ms)
{
    const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(base, &limit);
    event_base_dispatch(base);
}

static json_t *take(struct rig *rig, const char *type, const char *task)
{
    size_t i;
    json_t *message;
    json_array_foreach (rig->received, i, message) {
        if (strcmp(json_get_string(message, "type", ""), type) == 0 &&
            (!task || strcmp(json_get_string(message, "task", ""), task) == 0)) {
            json_incref(message);
            json_array_remove(rig->received, i);
            return message;
        }
    }
    return NULL;
}

json_t *rig_expect(struct rig *rig, const char *type, const char *task)
{
    for (int ms = 0; ms < PATIENCE_MS; ms += 20) {
        json_t *message = take(rig, type, task);
        if (message) {
            return message;
        }
        // Whoever connects again in the meantime is welcome.
        json_t *hello = strcmp(type, "hello") != 0 ? take(rig, "hello", NULL) : NULL;
        if (hello) {
            json_decref(hello);
            rig->epoch++;
            rig_send(rig,
                     json_pack("{s:s, s:I, s:s, s:i, s:i, s:i, s:i}", "type", "welcome", "epoch",
                               (json_int_t)rig->epoch, "server_time", "2026-01-01T00:00:00Z",
                               "heartbeat_s", 1, "sample_s", 1, "report_s", 1, "ping_s", 10));
        }
        rig_serve_ms(rig, 20);
    }
    ck_abort_msg("no %s from the agent", type);
    return NULL;
}

void rig_send(struct rig *rig, json_t *message)
{
    _cleanup_json_ json_t *owned = message;
    _cleanup_free_ char *text = json_write(owned);
    if (rig->ws && ws_send(rig->ws, text, strlen(text), NULL) < 0) {
        return; // as on a real network: the agent comes back
    }
}

json_t *rig_welcome(struct rig *rig)
{
    json_t *hello = rig_expect(rig, "hello", NULL);
    rig->epoch++;
    rig_send(rig, json_pack("{s:s, s:I, s:i, s:s}", "type", "welcome", "epoch",
                            (json_int_t)rig->epoch, "heartbeat_s", 1, "new_field", "ignored"));
    return hello;
}

const char *rig_task(struct rig *rig, const char *kind, const char *vps, int generation, int seq)
{
    static char task[UUID_LEN + 1];
    uuid_make(task);
    json_t *spec = json_pack(
        "{s:s, s:s, s:i, s:i, s:{s:i, s:I, s:i, s:I, s:i}, s:[{s:i, s:s}], s:[s], "
        "s:{s:s, s:I, s:s, s:s}}",
        "hostname", "web1", "desired", "running", "id_base", 1065536, "slot", 1, "limits", "vcpus",
        1, "memory_bytes", (json_int_t)268435456, "swap_bytes", 0, "disk_bytes",
        (json_int_t)1073741824, "pids", 256, "addresses", "family", 4, "address", "10.83.0.2",
        "ssh_keys",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGYsWMzY4Fcu1UpPoeHtCzOIjQdQ0l2DTAGIqxu0wMXS me",
        "image", "sha256", rig->sha256, "size", (json_int_t)rig->image_size, "signature",
        rig->signature, "name", "tiny");
    ck_assert_ptr_nonnull(spec);
    rig_send(rig, json_pack("{s:s, s:I, s:s, s:i, s:s, s:s, s:i, s:i, s:o}", "type", "task",
                            "epoch", (json_int_t)rig->epoch, "task", task, "seq", seq, "kind", kind,
                            "vps", vps, "generation", generation, "deadline_s",
                            rig->deadline_s ? rig->deadline_s : 60, "spec", spec));
    return task;
}

void rig_certify(struct rig *rig)
{
    json_t *request = rig_expect(rig, "certificate_request", NULL);
    _cleanup_free_ char *cert = certify(json_get_string(request, "csr", ""));
    json_decref(request);
    rig_send(rig, json_pack("{s:s, s:s}", "type", "certificate", "certificate", cert));
}

json_t *rig_result(struct rig *rig, const char *task)
{
    json_t *result = rig_expect(rig, "task_result", task);
    rig_send(rig, json_pack("{s:s, s:s}", "type", "task_confirm", "task", task));
    return result;
}

void rig_fault(struct rig *rig, const char *line)
{
    write_file(rig->state, "fault", line);
}

pid_t rig_pid(struct rig *rig, const char *title)
{
    char name[64];
    snprintf(name, sizeof(name), "run/%s.pid", title);
    _cleanup_free_ char *text = slurp(rig->state, name, NULL);
    return (pid_t)strtol(text, NULL, 10);
}

int rig_exists(struct rig *rig, const char *path)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", rig->state, path);
    return access(full, F_OK) == 0;
}
