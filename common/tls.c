#include "tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static void cleanup_ctx(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
}

static void cleanup_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void cleanup_req(X509_REQ **req)
{
    X509_REQ_free(*req);
}

static void cleanup_bio(BIO **bio)
{
    BIO_free(*bio);
}

// The oldest queued reason of OpenSSL behind the text, and the queue emptied.
static int fail(struct err *err, const char *what, const char *of)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    if (!reason) {
        reason = ERR_SYSTEM_ERROR(code) ? strerrordesc_np(ERR_GET_REASON(code)) : "failed";
    }
    ERR_clear_error();
    return err_set(err, ERR_SYSTEM, "%s %s: %s", what, of, reason ? reason : "failed");
}

static int load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *err)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        return fail(err, "certificate", cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        return fail(err, "private key", key_file);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return fail(err, "private key does not belong to the certificate:", key_file);
    }
    return 0;
}

static int new_ctx(const SSL_METHOD *method, SSL_CTX **ret_ctx, struct err *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx) {
        return fail(err, "TLS", "context");
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    // A link is idle nearly always: without this OpenSSL keeps some 34 KiB of buffers for each.
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    *ret_ctx = ctx;
    return 0;
}

static int check_clients(SSL_CTX *ctx, const char *ca_file, enum tls_peer peer, struct err *err)
{
    if (SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        return fail(err, "CA certificate", ca_file);
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);
    if (!names) {
        return fail(err, "CA certificate", ca_file);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    int mode = SSL_VERIFY_PEER;
    if (peer == TLS_PEER_REQUIRED) {
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_CTX_set_verify(ctx, mode, NULL);
    // A resumed session would not look at the client's certificate again, although it may have
    // expired since: every connection makes the full handshake.
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
    return 0;
}

int tls_server_ctx(const char *cert_file, const char *key_file, const char *ca_file,
                   enum tls_peer peer, SSL_CTX **ret_ctx, struct err *err)
{
    SSL_CTX *ctx _cleanup_(cleanup_ctx) = NULL;
    int rc = new_ctx(TLS_server_method(), &ctx, err);
    if (rc == 0) {
        rc = load_pair(ctx, cert_file, key_file, err);
    }
    if (rc == 0 && peer != TLS_PEER_NONE) {
        rc = ca_file ? check_clients(ctx, ca_file, peer, err)
                     : err_set(err, ERR_INTERNAL, "client certificates need a CA file");
    }
    if (rc == 0) {
        *ret_ctx = STEAL(ctx);
    }
    return rc;
}

int tls_client_ctx(const char *ca_file, const char *cert_file, const char *key_file,
                   SSL_CTX **ret_ctx, struct err *err)
{
    SSL_CTX *ctx _cleanup_(cleanup_ctx) = NULL;
    int rc = new_ctx(TLS_client_method(), &ctx, err);
    if (rc == 0 && SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        rc = fail(err, "CA certificate", ca_file);
    }
    if (rc == 0 && cert_file) {
        rc = load_pair(ctx, cert_file, key_file, err);
    }
    if (rc == 0) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        *ret_ctx = STEAL(ctx);
    }
    return rc;
}

static char *bio_text(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);
    if (!text) {
        abort();
    }
    return text;
}

static X509_REQ *make_request(EVP_PKEY *key, const char *common_name)
{
    X509_REQ *req _cleanup_(cleanup_req) = X509_REQ_new();
    if (!req || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(req, key) != 1) {
        return NULL;
    }
    X509_NAME *subject = X509_REQ_get_subject_name(req); // borrowed
    if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1 ||
        X509_REQ_sign(req, key, EVP_sha256()) <= 0) {
        return NULL;
    }
    return STEAL(req);
}

int tls_make_csr(const char *common_name, char **ret_key_pem, char **ret_csr_pem, struct err *err)
{
    ERR_clear_error();
    EVP_PKEY *key _cleanup_(cleanup_pkey) = EVP_EC_gen("P-256");
    X509_REQ *req _cleanup_(cleanup_req) = key ? make_request(key, common_name) : NULL;
    BIO *key_bio _cleanup_(cleanup_bio) = BIO_new(BIO_s_secmem());
    BIO *csr_bio _cleanup_(cleanup_bio) = BIO_new(BIO_s_mem());
    if (!req || !key_bio || !csr_bio ||
        PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509_REQ(csr_bio, req) != 1) {
        return fail(err, "making a certificate request for", common_name);
    }
    *ret_key_pem = bio_text(key_bio);
    *ret_csr_pem = bio_text(csr_bio);
    return 0;
}

static void hex_sha256(const unsigned char *data, size_t len, char out[65])
{
    unsigned char digest[32];
    if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1) {
        abort();
    }
    for (int i = 0; i < 32; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

void tls_cert_sha256(X509 *cert, char out[65])
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len < 0) {
        abort();
    }
    hex_sha256(der, (size_t)len, out);
    OPENSSL_free(der);
}

void tls_spki_sha256(X509 *cert, char out[65])
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (len < 0) {
        abort();
    }
    hex_sha256(der, (size_t)len, out);
    OPENSSL_free(der);
}
