#include "webhook_target.h"

#include "address.h"
#include "macro.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define URL_CHARS                                                                                  \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?[]@!$&'()*+,;=%"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

static void cleanup_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static int refuse(struct err *err, const char *why)
{
    return err_at(err, ERR_INVALID, "/url", "%s", why);
}

// A part of the URL; the caller frees it with curl_free. NULL: it has none.
static char *part(CURLU *url, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, which, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool has_part(CURLU *url, CURLUPart which)
{
    char *text = part(url, which, 0);
    curl_free(text);
    return text != NULL;
}

static bool read_scheme(CURLU *url, const struct target_rules *rules)
{
    char *scheme = part(url, CURLUPART_SCHEME, 0);
    bool good = scheme && (strcmp(scheme, "https") == 0 ||
                           (rules->allow_http && strcmp(scheme, "http") == 0));
    curl_free(scheme);
    return good;
}

// The host without brackets, with nothing in it that a resolver could read in another way than we do.
static bool read_host(CURLU *url, struct target *target)
{
    char *host = part(url, CURLUPART_HOST, 0);
    size_t len = host ? strlen(host) : 0;
    bool numeric6 = len > 2 && host[0] == '[' && host[len - 1] == ']';
    const char *from = numeric6 ? host + 1 : host;
    len -= numeric6 ? 2 : 0;
    bool good = len > 0 && len <= TARGET_HOST_MAX;
    if (good) {
        memcpy(target->host, from, len);
        target->host[len] = '\0';
        struct in6_addr v6;
        good = numeric6 ? inet_pton(AF_INET6, target->host, &v6) == 1
                        : strspn(target->host, NAME_CHARS) == len;
    }
    curl_free(host);
    return good;
}

static bool read_port(CURLU *url, struct target *target)
{
    char *port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    bool good = port && strlen(port) < sizeof(target->port) && atoi(port) > 0;
    if (good) {
        snprintf(target->port, sizeof(target->port), "%s", port);
    }
    curl_free(port);
    return good;
}

// What a numeric host is reserved for; NULL: it is public, or a name.
static const char *numeric_reserved(const char *host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        return address_reserved((struct sockaddr *)&v4);
    }
    return inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 ? address_reserved((struct sockaddr *)&v6)
                                                         : NULL;
}

int target_parse(const char *text, const struct target_rules *rules, struct target *ret_target,
                 struct err *err)
{
    size_t len = strlen(text);
    _cleanup_(cleanup_url) CURLU *url = curl_url();
    if (!url) {
        abort();
    }
    if (len == 0 || len > TARGET_URL_MAX || strspn(text, URL_CHARS) != len ||
        curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK || !read_scheme(url, rules)) {
        return refuse(err, rules->allow_http ? "This is no HTTP URL." : "This is no HTTPS URL.");
    }
    if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
        has_part(url, CURLUPART_OPTIONS) || has_part(url, CURLUPART_FRAGMENT)) {
        return refuse(err, "The URL of a webhook has no user, no password and no fragment.");
    }
    struct target target = {0};
    if (!read_host(url, &target) || !read_port(url, &target)) {
        return refuse(err, "The host or the port of this URL is not one.");
    }
    const char *reserved = rules->allow_private ? NULL : numeric_reserved(target.host);
    if (reserved) {
        return err_at(err, ERR_INVALID, "/url", "%s is not a public address: %s.", target.host,
                      reserved);
    }
    *ret_target = target;
    return 0;
}

int webhook_sign(const char *secret, const char *id, const char *timestamp, const char *body,
                 char out[SIGNATURE_MAX], struct err *err)
{
    unsigned char key[64];
    size_t key_len = 0;
    size_t prefix = strlen(WEBHOOK_SECRET_PREFIX);
    if (strncmp(secret, WEBHOOK_SECRET_PREFIX, prefix) != 0 ||
        sodium_base642bin(key, sizeof(key), secret + prefix, strlen(secret + prefix), NULL,
                          &key_len, NULL, sodium_base64_VARIANT_ORIGINAL) < 0) {
        return err_set(err, ERR_INVALID, "the secret is none");
    }
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_len);
    const char *const parts[] = {id, ".", timestamp, ".", body};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i], strlen(parts[i]));
    }
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(key, sizeof(key));
    memcpy(out, "v1,", 3);
    sodium_bin2base64(out + 3, SIGNATURE_MAX - 3, mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
    return 0;
}

void webhook_make_secret(char *out, size_t size)
{
    unsigned char key[WEBHOOK_SECRET_BYTES];
    randombytes_buf(key, sizeof(key));
    size_t prefix = strlen(WEBHOOK_SECRET_PREFIX);
    memcpy(out, WEBHOOK_SECRET_PREFIX, prefix);
    sodium_bin2base64(out + prefix, size - prefix, key, sizeof(key),
                      sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(key, sizeof(key));
}
