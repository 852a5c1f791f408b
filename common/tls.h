// TLS 1.3 contexts and P-256 certificates (OpenSSL). The CA is the control plane's own; both ends of the
// agent link are authenticated by it.
#pragma once

#include "err.h"

#include <event2/bufferevent.h>
#include <openssl/ssl.h>

enum tls_peer { TLS_PEER_NONE, TLS_PEER_OPTIONAL, TLS_PEER_REQUIRED };

// Server side: TLS 1.3 only, certificate chain and key from PEM files, client certificates checked
// against ca_file as peer says (ca_file may be NULL for TLS_PEER_NONE). *ret_ctx: SSL_CTX_free().
int tls_server_ctx(const char *cert_file, const char *key_file, const char *ca_file,
                   enum tls_peer peer, SSL_CTX **ret_ctx, struct err *err) _must_check_;

// Client side: TLS 1.3 only, the server's certificate must chain to ca_file. cert_file and key_file
// may be NULL (no client certificate).
int tls_client_ctx(const char *ca_file, const char *cert_file, const char *key_file,
                   SSL_CTX **ret_ctx, struct err *err) _must_check_;

// New P-256 key; PEM in *ret_key_pem, and a PKCS#10 request for it with that common name in
// *ret_csr_pem. The caller frees both.
int tls_make_csr(const char *common_name, char **ret_key_pem, char **ret_csr_pem,
                 struct err *err) _must_check_;

// Lower-case hex SHA-256 (65 bytes with NUL) of a certificate's DER, and of its public key (SPKI).
void tls_cert_sha256(X509 *cert, char out[65]);
void tls_spki_sha256(X509 *cert, char out[65]);
