// Building and storing P-256 keys and certificates with OpenSSL. Used by pki.c and pki_agent.c only.
#pragma once

#include "err.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

struct pki_extension {
    int nid; // 0 ends a list
    const char *value; // OpenSSL's extension syntax, of our own making
};

struct pki_template {
    const char *common_name;
    time_t not_before, not_after;
    const struct pki_extension *extensions;
};

// ERR_INTERNAL with OpenSSL's reason behind what.
int pki_ssl_error(struct err *err, const char *what);

// For OpenSSL's PEM readers, whose own callback would ask on the terminal.
int pki_no_passphrase(char *buffer, int size, int writing, void *arg);

// *ret_key: EVP_PKEY_free().
int pki_key_make(EVP_PKEY **ret_key, struct err *err) _must_check_;
bool pki_key_is_p256(const EVP_PKEY *key);

// A certificate for subject_key, signed by issuer_key with issuer's name; issuer NULL: self-signed.
// The serial is 128 random bits. *ret_cert: X509_free().
int pki_cert_make(const struct pki_template *template, EVP_PKEY *subject_key, X509 *issuer,
                  EVP_PKEY *issuer_key, X509 **ret_cert, struct err *err) _must_check_;

// PEM text; the caller frees it.
int pki_cert_pem(X509 *cert, char **ret_pem, struct err *err) _must_check_;
int pki_key_pem(EVP_PKEY *key, char **ret_pem, struct err *err) _must_check_;

// ERR_NOT_FOUND when the file is missing, ERR_INVALID when it is something else.
int pki_cert_read(const char *dir, const char *name, X509 **ret_cert, struct err *err) _must_check_;
int pki_key_read(const char *dir, const char *name, EVP_PKEY **ret_key,
                 struct err *err) _must_check_;

static inline void cleanup_x509(X509 **cert)
{
    X509_free(*cert);
}
static inline void cleanup_pkey(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static inline void cleanup_bio(BIO **bio)
{
    BIO_free_all(*bio);
}
#define _cleanup_x509_ _cleanup_(cleanup_x509)
#define _cleanup_pkey_ _cleanup_(cleanup_pkey)
#define _cleanup_bio_ _cleanup_(cleanup_bio)
