#include "link.h"

#include "file.h"
#include "tls.h"
#include "trust.h"

#include <errno.h>
#include <openssl/pem.h>
#include <string.h>

// A renewal writes node.key.new, then renames the new certificate into place, then the key. Whoever
// finds a certificate that does not fit node.key but fits node.key.new finishes that.

enum { PEM_FILE_MAX = 256 * 1024 };

static void cleanup_x509(X509 **cert)
{
    X509_free(*cert);
}

static void cleanup_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void cleanup_bio(BIO **bio)
{
    BIO_free(*bio);
}

void link_pki_path(const struct agent_config *config, const char *name, char path[LINK_PATH_MAX])
{
    snprintf(path, LINK_PATH_MAX, "%s/pki/%s", config->state_dir, name);
}

static X509 *parse_certificate(const char *pem)
{
    _cleanup_(cleanup_bio) BIO *bio = BIO_new_mem_buf(pem, -1);
    return bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

static bool fits(X509 *certificate, const char *key_pem)
{
    _cleanup_(cleanup_bio) BIO *bio = BIO_new_mem_buf(key_pem, -1);
    _cleanup_(cleanup_key) EVP_PKEY *key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    return key && X509_check_private_key(certificate, key) == 1;
}

static int read_pem(const struct agent_config *config, const char *name, char **ret_pem,
                    struct err *err)
{
    char path[LINK_PATH_MAX];
    link_pki_path(config, name, path);
    return file_read(path, PEM_FILE_MAX, ret_pem, NULL, err);
}

static int read_certificate(const struct agent_config *config, X509 **ret_cert, struct err *err)
{
    _cleanup_free_ char *pem = NULL;
    int r = read_pem(config, "node.crt", &pem, err);
    if (r < 0) {
        return r;
    }
    *ret_cert = parse_certificate(pem);
    return *ret_cert ? 0 : err_set(err, ERR_INVALID, "pki/node.crt holds no certificate");
}

static int rename_new(const struct agent_config *config, const char *from_name, const char *to_name,
                      struct err *err)
{
    char from[LINK_PATH_MAX];
    char to[LINK_PATH_MAX];
    link_pki_path(config, from_name, from);
    link_pki_path(config, to_name, to);
    if (rename(from, to) < 0) {
        return err_errno(err, errno, "renaming %s", from);
    }
    return file_sync_dir(to, err);
}

static int finish_renewal(const struct agent_config *config, struct err *err)
{
    _cleanup_(cleanup_x509) X509 *cert = NULL;
    _cleanup_free_ char *key = NULL;
    _cleanup_free_ char *next = NULL;
    int r = read_certificate(config, &cert, err);
    if (r < 0) {
        return r;
    }
    if (read_pem(config, "node.key", &key, NULL) == 0 && fits(cert, key)) {
        return 0;
    }
    if (read_pem(config, "node.key.next", &next, NULL) == 0 && fits(cert, next)) {
        return rename_new(config, "node.key.next", "node.key", err);
    }
    return err_set(err, ERR_INVALID, "pki/node.key does not fit pki/node.crt");
}

int link_pki_ctx(const struct agent_config *config, SSL_CTX **ret_ctx, struct err *err)
{
    int r = finish_renewal(config, err);
    if (r < 0) {
        return r;
    }
    char ca[PATH_MAX];
    char cert[LINK_PATH_MAX];
    char key[LINK_PATH_MAX];
    trust_path(config, "ca.crt", ca);
    link_pki_path(config, "node.crt", cert);
    link_pki_path(config, "node.key", key);
    return tls_client_ctx(ca, cert, key, ret_ctx, err);
}

int link_pki_store(const struct agent_config *config, const char *certificate, const char *key,
                   struct err *err)
{
    _cleanup_(cleanup_x509) X509 *cert = parse_certificate(certificate);
    if (!cert || !fits(cert, key)) {
        return err_set(err, ERR_PROTOCOL, "the certificate is not one for our key");
    }
    char path[LINK_PATH_MAX];
    link_pki_path(config, "node.key.next", path);
    int r = file_write_atomic(path, key, strlen(key), 0600, err);
    if (r == 0) {
        link_pki_path(config, "node.crt", path);
        r = file_write_atomic(path, certificate, strlen(certificate), 0644, err);
    }
    return r < 0 ? r : rename_new(config, "node.key.next", "node.key", err);
}

int link_pki_renew_in_s(const struct agent_config *config, int64_t *ret_s, struct err *err)
{
    _cleanup_(cleanup_x509) X509 *cert = NULL;
    int r = read_certificate(config, &cert, err);
    if (r < 0) {
        return r;
    }
    int days;
    int seconds;
    if (!ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert), X509_get0_notAfter(cert))) {
        return err_set(err, ERR_INVALID, "pki/node.crt has no valid times");
    }
    int64_t life = (int64_t)days * 86400 + seconds;
    if (!ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert), NULL)) {
        return err_set(err, ERR_INVALID, "pki/node.crt has no valid times");
    }
    int64_t age = (int64_t)days * 86400 + seconds;
    *ret_s = life * 2 / 3 - age;
    return 0;
}

int link_pki_node(const struct agent_config *config, char ret_node[37], struct err *err)
{
    _cleanup_(cleanup_x509) X509 *cert = NULL;
    int r = read_certificate(config, &cert, err);
    if (r == 0 &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret_node, 37) < 1) {
        r = err_set(err, ERR_INVALID, "pki/node.crt names nobody");
    }
    return r;
}
