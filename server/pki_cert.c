#include "pki_cert.h"

#include "file.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { PEM_MAX = 64 * 1024, SERIAL_BITS = 128 };

int pki_ssl_error(struct err *err, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    int r = err_set(err, ERR_INTERNAL, "%s: %s", what, reason ? reason : "unknown reason");
    ERR_clear_error();
    return r;
}

int pki_key_make(EVP_PKEY **ret_key, struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key) {
        return pki_ssl_error(err, "making a key");
    }
    *ret_key = key;
    return 0;
}

bool pki_key_is_p256(const EVP_PKEY *key)
{
    char group[64];
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0);
}

static bool set_serial(X509 *cert)
{
    BIGNUM *serial = BN_new();
    bool done = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
                BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert));
    BN_free(serial);
    return done;
}

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0);
}

static bool add_extensions(X509 *cert, X509 *issuer, const struct pki_extension *extensions)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    for (const struct pki_extension *e = extensions; e->nid; e++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, e->nid, e->value);
        bool added = extension && X509_add_ext(cert, extension, -1);
        X509_EXTENSION_free(extension);
        if (!added) {
            return false;
        }
    }
    return true;
}

int pki_cert_make(const struct pki_template *template, EVP_PKEY *subject_key, X509 *issuer,
                  EVP_PKEY *issuer_key, X509 **ret_cert, struct err *err)
{
    _cleanup_x509_ X509 *cert = X509_new();
    if (!cert || !X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
        !set_name(X509_get_subject_name(cert), template->common_name) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert)) ||
        !ASN1_TIME_set(X509_getm_notBefore(cert), template->not_before) ||
        !ASN1_TIME_set(X509_getm_notAfter(cert), template->not_after) ||
        !X509_set_pubkey(cert, subject_key) ||
        !add_extensions(cert, issuer ? issuer : cert, template->extensions) ||
        !X509_sign(cert, issuer_key, EVP_sha256())) {
        return pki_ssl_error(err, "making a certificate");
    }
    *ret_cert = STEAL(cert);
    return 0;
}

static int bio_text(BIO *bio, char **ret_pem)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    *ret_pem = strndup(data, (size_t)len);
    if (!*ret_pem) {
        abort();
    }
    return 0;
}

int pki_cert_pem(X509 *cert, char **ret_pem, struct err *err)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_X509(bio, cert)) {
        return pki_ssl_error(err, "writing a certificate");
    }
    return bio_text(bio, ret_pem);
}

int pki_key_pem(EVP_PKEY *key, char **ret_pem, struct err *err)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) {
        return pki_ssl_error(err, "writing a key");
    }
    return bio_text(bio, ret_pem);
}

static int read_pem(const char *dir, const char *name, char **ret_pem, BIO **ret_bio,
                    struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    size_t len;
    int r = file_read(path, PEM_MAX, ret_pem, &len, err);
    if (r < 0) {
        return r;
    }
    *ret_bio = BIO_new_mem_buf(*ret_pem, (int)len);
    return *ret_bio ? 0 : pki_ssl_error(err, path);
}

int pki_no_passphrase(char *buffer, int size, int writing, void *arg)
{
    return -1;
}

int pki_cert_read(const char *dir, const char *name, X509 **ret_cert, struct err *err)
{
    _cleanup_free_ char *pem = NULL;
    _cleanup_bio_ BIO *bio = NULL;
    int r = read_pem(dir, name, &pem, &bio, err);
    if (r < 0) {
        return r;
    }
    *ret_cert = PEM_read_bio_X509(bio, NULL, pki_no_passphrase, NULL);
    if (!*ret_cert) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "%s/%s holds no certificate", dir, name);
    }
    return 0;
}

int pki_key_read(const char *dir, const char *name, EVP_PKEY **ret_key, struct err *err)
{
    _cleanup_free_ char *pem = NULL;
    _cleanup_bio_ BIO *bio = NULL;
    int r = read_pem(dir, name, &pem, &bio, err);
    if (r < 0) {
        return r;
    }
    _cleanup_pkey_ EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, pki_no_passphrase, NULL);
    explicit_bzero(pem, strlen(pem));
    if (!key || !pki_key_is_p256(key)) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "%s/%s holds no P-256 key", dir, name);
    }
    *ret_key = STEAL(key);
    return 0;
}
