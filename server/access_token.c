#include "access_token.h"

#include "file.h"
#include "json.h"
#include "macro.h"
#include "uuid.h"

#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

#define ISSUER "croft"
#define AUDIENCE "croft-api"

enum {
    TEXT_MAX = 4096,
    PART_MAX = 2048,
    KEY_FILE_MAX = 8192,
    CLOCK_SKEW_S = 5,
    SIGNATURE = 64, // of P-256: two numbers of 32 bytes (RFC 7518, 3.4)
};

// One object is one algorithm: there is no other way to sign or check with it.
struct access_key {
    char *private_pem, *public_pem;
};

static void jwt_cleanup(jwt_t **jwt)
{
    jwt_free(*jwt);
}

static void pkey_cleanup(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void bio_cleanup(BIO **bio)
{
    BIO_free(*bio);
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    size_t len;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

static char *public_pem_of(EVP_PKEY *key)
{
    _cleanup_(bio_cleanup) BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (!out || !PEM_write_bio_PUBKEY(out, key)) {
        return NULL;
    }
    long len = BIO_get_mem_data(out, &text);
    return len > 0 ? strndup(text, (size_t)len) : NULL;
}

static int derive_public(struct access_key *key, const char *path, struct err *err)
{
    _cleanup_(bio_cleanup) BIO *in = BIO_new_mem_buf(key->private_pem, -1);
    _cleanup_(pkey_cleanup) EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    if (!pkey || !is_p256(pkey)) {
        return err_set(err, ERR_INVALID, "%s is not a P-256 private key in PEM", path);
    }
    key->public_pem = public_pem_of(pkey);
    return key->public_pem ? 0 : err_set(err, ERR_INVALID, "%s has no public key", path);
}

int access_key_load(const char *pki_dir, struct access_key **ret_key, struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/jwt.key", pki_dir);
    struct access_key *key = calloc(1, sizeof(*key));
    size_t len;
    int r = file_read(path, KEY_FILE_MAX, &key->private_pem, &len, err);
    if (r == 0) {
        r = derive_public(key, path, err);
    }
    if (r < 0) {
        access_key_destroy(key);
        return r;
    }
    *ret_key = key;
    return 0;
}

void access_key_destroy(struct access_key *key)
{
    if (!key) {
        return;
    }
    if (key->private_pem) {
        sodium_memzero(key->private_pem, strlen(key->private_pem));
    }
    free(key->private_pem);
    free(key->public_pem);
    free(key);
}

void access_key_mac(const struct access_key *key, const char *text, size_t len,
                    char out[ACCESS_MAC + 1])
{
    static const char purpose[] = "croft idempotency ";
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key->private_pem,
                                strlen(key->private_pem));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose, sizeof(purpose) - 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(out, ACCESS_MAC + 1, mac, sizeof(mac));
    sodium_memzero(&state, sizeof(state));
}

// ---- Making

int access_token_make(const struct access_key *key, const struct access_claims *claims,
                      char **ret_text, struct err *err)
{
    _cleanup_(jwt_cleanup) jwt_t *jwt = NULL;
    char *text = NULL;
    if (jwt_new(&jwt) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)key->private_pem,
                    (int)strlen(key->private_pem)) == 0 &&
        jwt_add_grant(jwt, "iss", ISSUER) == 0 && jwt_add_grant(jwt, "aud", AUDIENCE) == 0 &&
        jwt_add_grant(jwt, "sub", claims->user) == 0 &&
        jwt_add_grant(jwt, "sid", claims->session) == 0 &&
        jwt_add_grant_int(jwt, "iat", (long)claims->issued_at) == 0 &&
        jwt_add_grant_int(jwt, "nbf", (long)claims->issued_at) == 0 &&
        jwt_add_grant_int(jwt, "exp", (long)claims->expires_at) == 0) {
        text = jwt_encode_str(jwt);
    }
    if (!text) {
        return err_set(err, ERR_INTERNAL, "the access token cannot be signed");
    }
    *ret_text = text;
    return 0;
}

// ---- Checking

// Base64url as RFC 7515 has it: no padding, no bits left over. A token has one spelling only.
static bool decode(const char *part, size_t len, unsigned char *out, size_t size, size_t *ret_len)
{
    return sodium_base642bin(out, size, part, len, NULL, ret_len, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

// One part to a JSON object, read strictly: no duplicate keys.
static int read_part(const char *part, size_t len, json_t **ret_object)
{
    unsigned char bytes[PART_MAX];
    size_t n;
    json_t *object;
    if (!decode(part, len, bytes, sizeof(bytes), &n)) {
        return -1;
    }
    if (json_read((const char *)bytes, n, 2, &object, NULL) < 0) {
        return -1;
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return -1;
    }
    *ret_object = object;
    return 0;
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value && strcmp(value, wanted) == 0;
}

// Exactly what we write ourselves: an unknown field ("crit", "kid", "jku") is a refusal.
static bool header_is_ours(const char *part, size_t len)
{
    _cleanup_json_ json_t *header = NULL;
    return read_part(part, len, &header) == 0 && json_object_size(header) == 2 &&
           is_text(header, "alg", "ES256") && is_text(header, "typ", "JWT");
}

static bool take_id(const json_t *claims, const char *name, char out[ACCESS_TOKEN_ID + 1])
{
    const char *value = json_string_value(json_object_get(claims, name));
    if (!value || !uuid_is(value)) {
        return false;
    }
    memcpy(out, value, ACCESS_TOKEN_ID + 1);
    return true;
}

static bool take_time(const json_t *claims, const char *name, int64_t *out)
{
    const json_t *value = json_object_get(claims, name);
    *out = json_integer_value(value);
    return json_is_integer(value) && *out > 0;
}

static bool claims_hold(const char *part, size_t len, int64_t now, struct access_claims *out)
{
    _cleanup_json_ json_t *claims = NULL;
    int64_t not_before;
    return read_part(part, len, &claims) == 0 && json_object_size(claims) == 7 &&
           is_text(claims, "iss", ISSUER) && is_text(claims, "aud", AUDIENCE) &&
           take_id(claims, "sid", out->session) && take_id(claims, "sub", out->user) &&
           take_time(claims, "iat", &out->issued_at) && take_time(claims, "nbf", &not_before) &&
           take_time(claims, "exp", &out->expires_at) && not_before <= now + CLOCK_SKEW_S &&
           out->issued_at <= now + CLOCK_SKEW_S && out->expires_at > now;
}

// libjwt passes over characters that are not of the alphabet.
static bool signature_is_strict(const char *part)
{
    unsigned char bytes[SIGNATURE];
    size_t n;
    return decode(part, strlen(part), bytes, sizeof(bytes), &n) && n == SIGNATURE;
}

static bool signature_holds(const struct access_key *key, const char *text)
{
    _cleanup_(jwt_cleanup) jwt_t *jwt = NULL;
    return jwt_decode(&jwt, text, (const unsigned char *)key->public_pem,
                      (int)strlen(key->public_pem)) == 0 &&
           jwt_get_alg(jwt) == JWT_ALG_ES256;
}

static bool holds(const struct access_key *key, const char *text, int64_t now,
                  struct access_claims *out)
{
    const char *first = strchr(text, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    return second && !strchr(second + 1, '.') && strlen(text) <= TEXT_MAX &&
           header_is_ours(text, (size_t)(first - text)) && signature_is_strict(second + 1) &&
           signature_holds(key, text) &&
           claims_hold(first + 1, (size_t)(second - first - 1), now, out);
}

int access_token_check(const struct access_key *key, const char *text, int64_t now,
                       struct access_claims *ret_claims, struct err *err)
{
    struct access_claims claims;
    if (!holds(key, text, now, &claims)) {
        return err_set(err, ERR_UNAUTHENTICATED, "The access token is not valid (any more).");
    }
    *ret_claims = claims;
    return 0;
}
