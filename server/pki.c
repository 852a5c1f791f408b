// `croft-server init`: makes the files of pki.h that are missing.
#include "pki.h"

#include "commands.h"
#include "config.h"
#include "file.h"
#include "pki_cert.h"
#include "secret_box.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum {
    DAY_S = 86400,
    CA_DAYS = 3650,
    LISTENER_DAYS = 365,
    RENEW_DAYS = 30,
    NAMES_MAX = 2,
    NAME_SIZE = 256,
};

// What the listener's certificate is for: DNS names or numeric addresses.
struct names {
    char items[NAMES_MAX][NAME_SIZE];
    size_t count;
};

static bool is_address(const char *name)
{
    unsigned char binary[16];
    return inet_pton(AF_INET, name, binary) == 1 || inet_pton(AF_INET6, name, binary) == 1;
}

static bool is_wildcard(const char *name)
{
    return strcmp(name, "0.0.0.0") == 0 || strcmp(name, "::") == 0 || name[0] == '\0';
}

// Takes the host of "host:port" or "[v6]:port". A comma would begin another name in OpenSSL's syntax.
static int add_name(struct names *names, const char *address, const char *field, struct err *err)
{
    if (!address) {
        return 0;
    }
    const char *end = strrchr(address, ':');
    size_t len = end ? (size_t)(end - address) : strlen(address);
    if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (len >= NAME_SIZE || memchr(address, ',', len) || memchr(address, '\n', len)) {
        return err_at(err, ERR_INVALID, field, "%s: not a host name or address", field);
    }
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "%.*s", (int)len, address);
    bool known = names->count > 0 && strcmp(names->items[0], name) == 0;
    if (!known && !is_wildcard(name)) {
        memcpy(names->items[names->count++], name, NAME_SIZE);
    }
    return 0;
}

static int listener_names(const struct server_config *config, struct names *ret_names,
                          struct err *err)
{
    struct names names = {0};
    int r;
    if ((r = add_name(&names, config->agents.public_address, "agents.public_address", err)) < 0 ||
        (r = add_name(&names, config->agents.listen, "agents.listen", err)) < 0) {
        return r;
    }
    if (names.count == 0) {
        return err_at(err, ERR_INVALID, "agents.public_address",
                      "agents.public_address must name this server, since agents.listen does not");
    }
    *ret_names = names;
    return 0;
}

static int store(const char *dir, const char *name, const char *text, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return file_write_atomic(path, text, strlen(text), 0600, err);
}

static int store_key(const char *dir, const char *name, EVP_PKEY *key, struct err *err)
{
    char *pem = NULL;
    int r = pki_key_pem(key, &pem, err);
    if (r < 0) {
        return r;
    }
    r = store(dir, name, pem, err);
    explicit_bzero(pem, strlen(pem));
    free(pem);
    return r;
}

static int store_cert(const char *dir, const char *name, X509 *cert, struct err *err)
{
    _cleanup_free_ char *pem = NULL;
    int r = pki_cert_pem(cert, &pem, err);
    if (r < 0) {
        return r;
    }
    return store(dir, name, pem, err);
}

// The key in that file, made first if there is none.
static int ensure_key(const char *dir, const char *name, EVP_PKEY **ret_key, struct err *err)
{
    int r = pki_key_read(dir, name, ret_key, err);
    if (r != ERR_NOT_FOUND) {
        return r;
    }
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    if ((r = pki_key_make(&key, err)) < 0 || (r = store_key(dir, name, key, err)) < 0) {
        return r;
    }
    *ret_key = STEAL(key);
    return 0;
}

static int make_ca(EVP_PKEY *key, X509 **ret_cert, struct err *err)
{
    static const struct pki_extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {0},
    };
    time_t now = time(NULL);
    struct pki_template template = {
        .common_name = "Croft agent CA",
        .not_before = now - DAY_S,
        .not_after = now + (time_t)CA_DAYS * DAY_S,
        .extensions = extensions,
    };
    return pki_cert_make(&template, key, NULL, key, ret_cert, err);
}

// A ca.crt without its key is an accident that must be seen; a key without certificate is an init that
// was interrupted.
static int ensure_ca(const char *dir, X509 **ret_cert, EVP_PKEY **ret_key, struct err *err)
{
    int r = pki_cert_read(dir, "ca.crt", ret_cert, err);
    if (r == 0) {
        return pki_key_read(dir, "ca.key", ret_key, err);
    }
    if (r != ERR_NOT_FOUND) {
        return r;
    }
    _cleanup_x509_ X509 *cert = NULL;
    if ((r = ensure_key(dir, "ca.key", ret_key, err)) < 0 ||
        (r = make_ca(*ret_key, &cert, err)) < 0 || (r = store_cert(dir, "ca.crt", cert, err)) < 0) {
        return r;
    }
    *ret_cert = STEAL(cert);
    return 0;
}

static size_t count_alt_names(const X509 *cert)
{
    GENERAL_NAMES *found = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = found ? sk_GENERAL_NAME_num(found) : 0;
    GENERAL_NAMES_free(found);
    return (size_t)count;
}

static bool listener_is_good(X509 *cert, EVP_PKEY *key, EVP_PKEY *ca_key, const struct names *names)
{
    time_t renew_at = time(NULL) + (time_t)RENEW_DAYS * DAY_S;
    if (X509_cmp_time(X509_get0_notAfter(cert), &renew_at) < 0 || X509_verify(cert, ca_key) != 1 ||
        !X509_check_private_key(cert, key) || count_alt_names(cert) != names->count) {
        return false;
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        int match = is_address(name) ? X509_check_ip_asc(cert, name, 0)
                                     : X509_check_host(cert, name, 0, 0, NULL);
        if (match != 1) {
            return false;
        }
    }
    return true;
}

static int make_listener(const struct names *names, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key,
                         X509 **ret_cert, struct err *err)
{
    char alt_names[NAMES_MAX * (NAME_SIZE + 8)];
    size_t used = 0;
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        used += (size_t)snprintf(alt_names + used, sizeof(alt_names) - used, "%s%s:%s",
                                 i ? "," : "", is_address(name) ? "IP" : "DNS", name);
    }
    const struct pki_extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_authority_key_identifier, "keyid:always"},
        {NID_subject_alt_name, alt_names},
        {0},
    };
    time_t now = time(NULL);
    struct pki_template template = {
        .common_name = "Croft agent listener",
        .not_before = now - DAY_S,
        .not_after = now + (time_t)LISTENER_DAYS * DAY_S,
        .extensions = extensions,
    };
    return pki_cert_make(&template, key, ca, ca_key, ret_cert, err);
}

// Renewing keeps the key, so that one rename replaces the certificate.
static int ensure_listener(const char *dir, const struct names *names, X509 *ca, EVP_PKEY *ca_key,
                           struct err *err)
{
    _cleanup_pkey_ EVP_PKEY *key = NULL;
    _cleanup_x509_ X509 *old = NULL;
    _cleanup_x509_ X509 *cert = NULL;
    int r = ensure_key(dir, "agents.key", &key, err);
    if (r < 0) {
        return r;
    }
    r = pki_cert_read(dir, "agents.crt", &old, err);
    if (r == 0 && listener_is_good(old, key, ca_key, names)) {
        return 0;
    }
    if (r < 0 && r != ERR_NOT_FOUND) {
        return r;
    }
    if ((r = make_listener(names, key, ca, ca_key, &cert, err)) < 0) {
        return r;
    }
    return store_cert(dir, "agents.crt", cert, err);
}

static int read_image_key(const char *dir, unsigned char ret_key[crypto_sign_SECRETKEYBYTES],
                          struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/image.key", dir);
    char *text = NULL;
    size_t len;
    int r = file_read(path, 4096, &text, &len, err);
    if (r < 0) {
        return r;
    }
    size_t used = 0;
    const char *end = NULL;
    if (sodium_hex2bin(ret_key, crypto_sign_SECRETKEYBYTES, text, len, NULL, &used, &end) != 0 ||
        used != crypto_sign_SECRETKEYBYTES || (*end != '\0' && *end != '\n')) {
        r = err_set(err, ERR_INVALID, "%s holds no Ed25519 key", path);
    }
    sodium_memzero(text, len);
    free(text);
    return r;
}

static int make_image_key(const char *dir, unsigned char ret_key[crypto_sign_SECRETKEYBYTES],
                          struct err *err)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    char hex[2 * crypto_sign_SECRETKEYBYTES + 1];
    crypto_sign_keypair(public_key, ret_key);
    sodium_bin2hex(hex, sizeof(hex), ret_key, crypto_sign_SECRETKEYBYTES);
    int r = store(dir, "image.key", hex, err);
    sodium_memzero(hex, sizeof(hex));
    return r;
}

static int ensure_image_key(const char *dir, struct err *err)
{
    unsigned char key[crypto_sign_SECRETKEYBYTES];
    int r = read_image_key(dir, key, err);
    if (r == ERR_NOT_FOUND) {
        r = make_image_key(dir, key, err);
    }
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    crypto_sign_ed25519_sk_to_pk(public_key, key);
    sodium_memzero(key, sizeof(key));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/image.pub", dir);
    if (r < 0 || access(path, F_OK) == 0) {
        return r;
    }
    char hex[PKI_IMAGE_KEY_HEX + 1];
    sodium_bin2hex(hex, sizeof(hex), public_key, sizeof(public_key));
    return store(dir, "image.pub", hex, err);
}

int pki_sign(const char *pki_dir, const char *text, size_t len,
             char ret_signature[PKI_IMAGE_SIGNATURE_HEX + 1], struct err *err)
{
    unsigned char key[crypto_sign_SECRETKEYBYTES];
    int r = read_image_key(pki_dir, key, err);
    if (r < 0) {
        return r;
    }
    unsigned char signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, (const unsigned char *)text, len, key);
    sodium_memzero(key, sizeof(key));
    sodium_bin2hex(ret_signature, PKI_IMAGE_SIGNATURE_HEX + 1, signature, sizeof(signature));
    return 0;
}

int pki_sign_image(const char *pki_dir, const char *sha256, int64_t size,
                   char ret_signature[PKI_IMAGE_SIGNATURE_HEX + 1], struct err *err)
{
    char text[160];
    int len = snprintf(text, sizeof(text), "croft-image-v1\n%s\n%lld\n", sha256, (long long)size);
    return pki_sign(pki_dir, text, (size_t)len, ret_signature, err);
}

// The key of secrets is made before the CA, so that a CA says that there was one: another would open nothing that the database
// has sealed, and the other servers nothing that is sealed here.
static int ensure_secrets(const struct server_config *config, struct err *err)
{
    const char *path = config->secrets.key_file;
    char ca[PATH_MAX];
    snprintf(ca, sizeof(ca), "%s/ca.crt", config->pki_dir);
    if (access(ca, F_OK) == 0 && access(path, F_OK) != 0) {
        return err_at(err, ERR_NOT_FOUND, "secrets.key_file",
                      "%s is missing, though %s is there: copy it from a back-up or from another "
                      "server; no other key opens what the database has sealed",
                      path, ca);
    }
    return secret_box_init(path, err);
}

int pki_init(const struct server_config *config, struct err *err)
{
    const char *dir = config->pki_dir;
    // 0755: the agent of this machine may keep guests below it; secrets are in pki_dir.
    if (mkdir(config->state_dir, 0755) != 0 && errno != EEXIST) {
        return err_errno(err, errno, "making %s", config->state_dir);
    }
    if (sodium_init() < 0) {
        return err_set(err, ERR_INTERNAL, "libsodium does not start");
    }
    struct names names;
    _cleanup_x509_ X509 *ca = NULL;
    _cleanup_pkey_ EVP_PKEY *ca_key = NULL;
    _cleanup_pkey_ EVP_PKEY *jwt_key = NULL;
    int r;
    if ((r = listener_names(config, &names, err)) < 0 || (r = file_make_dir(dir, 0700, err)) < 0 ||
        (r = ensure_secrets(config, err)) < 0 || (r = ensure_ca(dir, &ca, &ca_key, err)) < 0 ||
        (r = ensure_listener(dir, &names, ca, ca_key, err)) < 0 ||
        (r = ensure_key(dir, "jwt.key", &jwt_key, err)) < 0) {
        return r;
    }
    return ensure_image_key(dir, err);
}

int pki_init_main(const struct server_config *config, int argc, char **argv)
{
    if (argc > 1) {
        fprintf(stderr, "croft-server init: takes no arguments\n");
        return 2;
    }
    struct err err = {0};
    if (pki_init(config, &err) < 0) {
        fprintf(stderr, "croft-server init: %s\n", err.text);
        return 1;
    }
    printf("keys and certificates are in %s\n", config->pki_dir);
    return 0;
}
