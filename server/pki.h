// The control plane's own certificate authority and keys, as files under pki_dir (all 0600, never
// overwritten):
//   ca.crt ca.key           P-256 CA, 10 years
//   agents.crt agents.key   the agent listener's certificate; renewed by pki_init() when it ends within
//                           30 days or its names changed
//   jwt.key                 ES256 private key, PEM
//   image.key image.pub     Ed25519 seed+key (128 hex) and public key (64 hex), libsodium's format
// Used by main.c, hub, image_store.c.
#pragma once

#include "err.h"

#include <openssl/x509.h>
#include <stdint.h>

enum {
    PKI_IMAGE_KEY_HEX = 64,
    PKI_IMAGE_SIGNATURE_HEX = 128,
    PKI_SERIAL_HEX = 32,
    PKI_NODE_ID = 36
};

struct server_config;
struct pki_ca;

// Makes what is missing. A second run changes nothing.
int pki_init(const struct server_config *config, struct err *err) _must_check_;

// Reads ca.crt, ca.key and image.pub. *ret_ca: pki_ca_destroy().
int pki_ca_load(const char *pki_dir, struct pki_ca **ret_ca, struct err *err) _must_check_;
void pki_ca_destroy(struct pki_ca *ca);
const char *pki_ca_pem(const struct pki_ca *ca); // borrowed
const char *pki_ca_sha256(const struct pki_ca *ca); // of the DER, 64 hex: the join token's tail
const char *pki_image_public_key(const struct pki_ca *ca); // 64 hex

struct pki_certificate {
    char *pem;
    char serial[PKI_SERIAL_HEX + 1]; // lower-case hex, no leading zeros cut
    char fingerprint[65]; // SHA-256 of the DER
    char spki_sha256[65];
    char not_after[32]; // RFC 3339
};
void pki_certificate_finish(struct pki_certificate *certificate);

// The SHA-256 (64 hex and NUL) of the public key that a request asks to certify. Verifies the request's
// own signature and that the key is P-256; ERR_INVALID otherwise.
int pki_csr_check(const char *csr_pem, char ret_spki_sha256[65], struct err *err) _must_check_;

// Certifies the request's key, and nothing else of the request, for the node: CN = node, clientAuth
// only, random serial, valid for life_s from now (and a minute before, for clocks that are behind).
int pki_sign_agent(const struct pki_ca *ca, const char *csr_pem, const char *node, int64_t life_s,
                   struct pki_certificate *ret_certificate, struct err *err) _must_check_;

// Who a client certificate (already verified against the CA by TLS) names: the node's id out of the
// CN, and the serial as in struct pki_certificate. ERR_FORBIDDEN if it is no agent's.
int pki_agent_identity(const X509 *certificate, char ret_node[PKI_NODE_ID + 1],
                       char ret_serial[PKI_SERIAL_HEX + 1], struct err *err) _must_check_;

// Ed25519 by image.key over text, whose first line must say what it is, so that no signature serves for something else;
// 128 hex and NUL.
int pki_sign(const char *pki_dir, const char *text, size_t len,
             char ret_signature[PKI_IMAGE_SIGNATURE_HEX + 1], struct err *err) _must_check_;

// pki_sign() of "croft-image-v1\n<sha256>\n<size>\n"; 128 hex and NUL.
int pki_sign_image(const char *pki_dir, const char *sha256, int64_t size,
                   char ret_signature[PKI_IMAGE_SIGNATURE_HEX + 1], struct err *err) _must_check_;
