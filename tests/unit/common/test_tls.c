#include "tls.h"

#include "unit.h"
#include "unit_pki.h"

#include <openssl/pem.h>
#include <string.h>
#include <sys/socket.h>

static struct unit_pki pki;

static void setup(void)
{
    unit_pki_make(&pki);
}

static void teardown(void)
{
    unit_pki_remove(&pki);
}

// Shakes hands over a socket pair, both ends in turn; true if both succeed and a byte gets through
// each way (TLS 1.3 clients learn of a refused certificate only by reading).
static bool shakes_hands(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL **ret_server)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    SSL *server = SSL_new(server_ctx);
    SSL *client = SSL_new(client_ctx);
    SSL_set_fd(server, fds[0]);
    SSL_set_fd(client, fds[1]);
    int server_rc = 0, client_rc = 0;
    for (int i = 0; i < 10 && (server_rc != 1 || client_rc != 1); i++) {
        client_rc = client_rc == 1 ? 1 : SSL_connect(client);
        server_rc = server_rc == 1 ? 1 : SSL_accept(server);
    }
    char byte = 'x';
    bool ok = server_rc == 1 && client_rc == 1 && SSL_write(server, &byte, 1) == 1 &&
              SSL_read(client, &byte, 1) == 1 && SSL_write(client, &byte, 1) == 1 &&
              SSL_read(server, &byte, 1) == 1;
    SSL_free(client);
    if (ok && ret_server) {
        *ret_server = server;
    } else {
        SSL_free(server);
    }
    close(fds[0]);
    close(fds[1]);
    return ok;
}

static SSL_CTX *server_ctx(enum tls_peer peer)
{
    struct err err = {0};
    SSL_CTX *ctx = NULL;
    int rc = tls_server_ctx(pki.server_cert, pki.server_key, pki.ca_cert, peer, &ctx, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return ctx;
}

static SSL_CTX *client_ctx(const char *ca, const char *cert, const char *key)
{
    struct err err = {0};
    SSL_CTX *ctx = NULL;
    int rc = tls_client_ctx(ca, cert, key, &ctx, &err);
    ck_assert_msg(rc == 0, "%s", err.text);
    return ctx;
}

START_TEST(both_ends_are_checked)
{
    SSL_CTX *server = server_ctx(TLS_PEER_REQUIRED);
    SSL_CTX *client = client_ctx(pki.ca_cert, pki.client_cert, pki.client_key);
    SSL *ssl = NULL;
    ck_assert(shakes_hands(server, client, &ssl));
    ck_assert_str_eq(SSL_get_version(ssl), "TLSv1.3");
    X509 *peer = SSL_get0_peer_certificate(ssl);
    ck_assert_ptr_nonnull(peer);
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof(name));
    ck_assert_str_eq(name, "client");
    SSL_free(ssl);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
END_TEST

START_TEST(a_client_without_a_certificate_passes_only_where_it_is_optional)
{
    SSL_CTX *client = client_ctx(pki.ca_cert, NULL, NULL);
    static const enum tls_peer peers[] = {TLS_PEER_NONE, TLS_PEER_OPTIONAL, TLS_PEER_REQUIRED};
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        SSL_CTX *server = server_ctx(peers[i]);
        ck_assert_int_eq(shakes_hands(server, client, NULL), peers[i] != TLS_PEER_REQUIRED);
        SSL_CTX_free(server);
    }
    SSL_CTX_free(client);
}
END_TEST

START_TEST(a_certificate_of_another_ca_is_refused)
{
    struct unit_pki other;
    unit_pki_make(&other);
    SSL_CTX *server = server_ctx(TLS_PEER_OPTIONAL);
    SSL_CTX *foreign = client_ctx(pki.ca_cert, other.client_cert, other.client_key);
    ck_assert(!shakes_hands(server, foreign, NULL));
    SSL_CTX *suspicious = client_ctx(other.ca_cert, NULL, NULL);
    ck_assert(!shakes_hands(server, suspicious, NULL));
    SSL_CTX_free(server);
    SSL_CTX_free(foreign);
    SSL_CTX_free(suspicious);
    unit_pki_remove(&other);
}
END_TEST

START_TEST(a_node_cannot_play_the_server)
{
    struct err err;
    SSL_CTX *server = NULL;
    ck_assert_int_eq(
        tls_server_ctx(pki.client_cert, pki.client_key, NULL, TLS_PEER_NONE, &server, &err), 0);
    SSL_CTX *client = client_ctx(pki.ca_cert, NULL, NULL);
    ck_assert(!shakes_hands(server, client, NULL));
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
END_TEST

START_TEST(tls_1_2_is_refused)
{
    SSL_CTX *server = server_ctx(TLS_PEER_NONE);
    SSL_CTX *client = client_ctx(pki.ca_cert, NULL, NULL);
    SSL_CTX_set_min_proto_version(client, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    ck_assert(!shakes_hands(server, client, NULL));
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}
END_TEST

START_TEST(files_that_do_not_fit_are_named)
{
    struct err err;
    SSL_CTX *ctx = NULL;
    ck_assert_int_lt(
        tls_server_ctx("/nonexistent", pki.server_key, NULL, TLS_PEER_NONE, &ctx, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent: No such file"));
    ck_assert_int_lt(
        tls_server_ctx(pki.server_cert, pki.client_key, NULL, TLS_PEER_NONE, &ctx, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, pki.client_key));
    ck_assert_int_lt(tls_client_ctx(pki.server_key, NULL, NULL, &ctx, &err), 0);
    ck_assert_int_lt(
        tls_server_ctx(pki.server_cert, pki.server_key, NULL, TLS_PEER_REQUIRED, &ctx, &err), 0);
    ck_assert_ptr_null(ctx);
}
END_TEST

START_TEST(a_request_proves_a_p256_key_and_its_name)
{
    struct err err;
    _cleanup_free_ char *key_pem = NULL;
    _cleanup_free_ char *csr_pem = NULL;
    ck_assert_int_eq(tls_make_csr("node1", &key_pem, &csr_pem, &err), 0);
    BIO *bio = BIO_new_mem_buf(csr_pem, -1);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_ptr_nonnull(req);
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    ck_assert_int_eq(X509_REQ_verify(req, key), 1);
    char group[32];
    size_t len;
    ck_assert_int_eq(EVP_PKEY_get_group_name(key, group, sizeof(group), &len), 1);
    ck_assert_str_eq(group, "prime256v1");
    char name[64];
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, name, sizeof(name));
    ck_assert_str_eq(name, "node1");
    bio = BIO_new_mem_buf(key_pem, -1);
    EVP_PKEY *private_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ck_assert_int_eq(EVP_PKEY_eq(private_key, key), 1);
    EVP_PKEY_free(private_key);
    X509_REQ_free(req);
}
END_TEST

START_TEST(fingerprints_are_those_of_openssl)
{
    char want[65], got[65];
    unit_pki_fingerprint(&pki, "openssl x509 -in \"$0\" -outform DER | sha256sum", want);
    FILE *file = fopen(pki.ca_cert, "re");
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    tls_cert_sha256(cert, got);
    ck_assert_str_eq(got, want);
    unit_pki_fingerprint(
        &pki,
        "openssl x509 -in \"$0\" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum",
        want);
    tls_spki_sha256(cert, got);
    ck_assert_str_eq(got, want);
    X509_free(cert);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        both_ends_are_checked,
        a_client_without_a_certificate_passes_only_where_it_is_optional,
        a_certificate_of_another_ca_is_refused,
        a_node_cannot_play_the_server,
        tls_1_2_is_refused,
        files_that_do_not_fit_are_named,
        a_request_proves_a_p256_key_and_its_name,
        fingerprints_are_those_of_openssl,
        NULL,
    };
    Suite *suite = suite_create("tls");
    TCase *cases = tcase_create("tls");
    tcase_add_unchecked_fixture(cases, setup, teardown);
    for (size_t i = 0; tests[i]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
