// The part of the PKI that a running server uses: certifying agents and telling who one is.
#include "pki.h"

#include "file.h"
#include "pki_cert.h"
#include "tls.h"
#include "uuid.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { CSR_MAX = 8 * 1024, CLOCK_SLACK_S = 60 };

struct pki_ca {
    X509 *cert;
    EVP_PKEY *key;
    char *pem;
    char sha256[65];
    char image_public_key[PKI_IMAGE_KEY_HEX + 1];
};

static void cleanup_req(X509_REQ **req)
{
    X509_REQ_free(*req);
}
#define _cleanup_req_ _cleanup_(cleanup_req)

static void cleanup_ca(struct pki_ca **ca)
{
    pki_ca_destroy(*ca);
}

static int read_image_public_key(const char *dir, char ret_key[PKI_IMAGE_KEY_HEX + 1],
                                 struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/image.pub", dir);
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = file_read(path, 4096, &text, &len, err);
    if (r < 0) {
        return r;
    }
    if (strspn(text, "0123456789abcdef") != PKI_IMAGE_KEY_HEX) {
        return err_set(err, ERR_INVALID, "%s holds no public key", path);
    }
    memcpy(ret_key, text, PKI_IMAGE_KEY_HEX);
    ret_key[PKI_IMAGE_KEY_HEX] = '\0';
    return 0;
}

int pki_ca_load(const char *pki_dir, struct pki_ca **ret_ca, struct err *err)
{
    _cleanup_(cleanup_ca) struct pki_ca *ca = calloc(1, sizeof(*ca));
    if (!ca) {
        abort();
    }
    int r;
    if ((r = pki_cert_read(pki_dir, "ca.crt", &ca->cert, err)) < 0 ||
        (r = pki_key_read(pki_dir, "ca.key", &ca->key, err)) < 0 ||
        (r = pki_cert_pem(ca->cert, &ca->pem, err)) < 0 ||
        (r = read_image_public_key(pki_dir, ca->image_public_key, err)) < 0) {
        return r;
    }
    if (!X509_check_private_key(ca->cert, ca->key)) {
        return err_set(err, ERR_INVALID, "%s: ca.key does not belong to ca.crt", pki_dir);
    }
    tls_cert_sha256(ca->cert, ca->sha256);
    *ret_ca = STEAL(ca);
    return 0;
}

void pki_ca_destroy(struct pki_ca *ca)
{
    if (!ca) {
        return;
    }
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    free(ca->pem);
    free(ca);
}

const char *pki_ca_pem(const struct pki_ca *ca)
{
    return ca->pem;
}

const char *pki_ca_sha256(const struct pki_ca *ca)
{
    return ca->sha256;
}

const char *pki_image_public_key(const struct pki_ca *ca)
{
    return ca->image_public_key;
}

void pki_certificate_finish(struct pki_certificate *certificate)
{
    free(certificate->pem);
    certificate->pem = NULL;
}

// *ret_key is borrowed from *ret_req. The signature proves that the asker holds the key.
static int read_csr(const char *pem, X509_REQ **ret_req, EVP_PKEY **ret_key, struct err *err)
{
    size_t len = strnlen(pem, CSR_MAX + 1);
    if (len > CSR_MAX) {
        return err_at(err, ERR_TOO_LARGE, "/csr", "The certificate request is too large.");
    }
    _cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, (int)len);
    _cleanup_req_ X509_REQ *req =
        bio ? PEM_read_bio_X509_REQ(bio, NULL, pki_no_passphrase, NULL) : NULL;
    if (!req) {
        ERR_clear_error();
        return err_at(err, ERR_INVALID, "/csr", "This is not a certificate request in PEM.");
    }
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    if (!key || !pki_key_is_p256(key)) {
        ERR_clear_error();
        return err_at(err, ERR_INVALID, "/csr", "The requested key is not a P-256 key.");
    }
    if (X509_REQ_verify(req, key) != 1) {
        ERR_clear_error();
        return err_at(err, ERR_INVALID, "/csr", "The request is not signed by its own key.");
    }
    *ret_req = STEAL(req);
    *ret_key = key;
    return 0;
}

static void hex(const unsigned char *data, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

int pki_csr_check(const char *csr_pem, char ret_spki_sha256[65], struct err *err)
{
    _cleanup_req_ X509_REQ *req = NULL;
    EVP_PKEY *key;
    int r = read_csr(csr_pem, &req, &key, err);
    if (r < 0) {
        return r;
    }
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);
    if (len < 0) {
        return pki_ssl_error(err, "encoding a public key");
    }
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    hex(digest, sizeof(digest), ret_spki_sha256);
    return 0;
}

static int serial_hex(const X509 *cert, char out[PKI_SERIAL_HEX + 1], struct err *err)
{
    unsigned char bytes[PKI_SERIAL_HEX / 2];
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    bool fits = serial && BN_bn2binpad(serial, bytes, sizeof(bytes)) == (int)sizeof(bytes);
    BN_free(serial);
    if (!fits) {
        return err_set(err, ERR_FORBIDDEN, "This certificate is not one of ours.");
    }
    hex(bytes, sizeof(bytes), out);
    return 0;
}

int pki_sign_agent(const struct pki_ca *ca, const char *csr_pem, const char *node, int64_t life_s,
                   struct pki_certificate *ret_certificate, struct err *err)
{
    static const struct pki_extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "clientAuth"},
        {NID_authority_key_identifier, "keyid:always"},
        {0},
    };
    _cleanup_req_ X509_REQ *req = NULL;
    EVP_PKEY *key;
    int r = read_csr(csr_pem, &req, &key, err);
    if (r < 0) {
        return r;
    }
    time_t now = time(NULL);
    struct pki_template template = {
        .common_name = node,
        .not_before = now - CLOCK_SLACK_S,
        .not_after = now + life_s,
        .extensions = extensions,
    };
    _cleanup_x509_ X509 *cert = NULL;
    if ((r = pki_cert_make(&template, key, ca->cert, ca->key, &cert, err)) < 0 ||
        (r = serial_hex(cert, ret_certificate->serial, err)) < 0) {
        return r;
    }
    struct tm tm;
    strftime(ret_certificate->not_after, sizeof(ret_certificate->not_after), "%Y-%m-%dT%H:%M:%SZ",
             gmtime_r(&template.not_after, &tm));
    tls_cert_sha256(cert, ret_certificate->fingerprint);
    tls_spki_sha256(cert, ret_certificate->spki_sha256);
    return pki_cert_pem(cert, &ret_certificate->pem, err);
}

int pki_agent_identity(const X509 *certificate, char ret_node[PKI_NODE_ID + 1],
                       char ret_serial[PKI_SERIAL_HEX + 1], struct err *err)
{
    char name[PKI_NODE_ID + 2] = "";
    int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                        sizeof(name));
    if (len != PKI_NODE_ID || !uuid_is(name)) {
        return err_set(err, ERR_FORBIDDEN, "This certificate does not name a node.");
    }
    int r = serial_hex(certificate, ret_serial, err);
    if (r < 0) {
        return r;
    }
    memcpy(ret_node, name, PKI_NODE_ID + 1);
    return 0;
}
