#include "image_index.h"

#include "json.h"
#include "pki.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_LINE "croft-index-v1\n"

enum {
    FIRST_LEN = sizeof(FIRST_LINE) - 1,
    HEAD_LEN = FIRST_LEN + PKI_IMAGE_SIGNATURE_HEX + 1,
    DEPTH_MAX = 4,
    CLOCK_SLACK_S = 3600, // of two machines
};

struct head {
    int64_t serial;
    const char *issued, *expires;
    json_t *images;
};

static const struct field head_fields[] = {
    {"serial", FIELD_INT, offsetof(struct head, serial), .min = 1, .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {"issued", FIELD_STRING, offsetof(struct head, issued), .min = 20, .max = 20,
     .flags = FIELD_REQUIRED},
    {"expires", FIELD_STRING, offsetof(struct head, expires), .min = 20, .max = 20,
     .flags = FIELD_REQUIRED},
    {"images", FIELD_JSON, offsetof(struct head, images), .flags = FIELD_REQUIRED},
    {NULL},
};

#define ENTRY(member) offsetof(struct image_index_entry, member)

static const struct field entry_fields[] = {
    {"name", FIELD_STRING, ENTRY(name), .min = 1, .max = 63, .flags = FIELD_REQUIRED},
    {"title", FIELD_STRING, ENTRY(title), .min = 1, .max = 200, .flags = FIELD_REQUIRED},
    {"os", FIELD_STRING, ENTRY(os), .min = 1, .max = 64, .flags = FIELD_REQUIRED},
    {"arch", FIELD_STRING, ENTRY(arch), .min = 1, .max = 32, .flags = FIELD_REQUIRED},
    {"version", FIELD_STRING, ENTRY(version), .min = 1, .max = 63},
    {"size", FIELD_INT, ENTRY(size), .min = 1, .max = 1LL << 50, .flags = FIELD_REQUIRED},
    {"sha256", FIELD_STRING, ENTRY(sha256), .min = 64, .max = 64, .flags = FIELD_REQUIRED},
    {"url", FIELD_STRING, ENTRY(url), .min = 1, .max = 2048, .flags = FIELD_REQUIRED},
    {"min_disk_bytes", FIELD_INT, ENTRY(min_disk_bytes), .max = 1LL << 53},
    {NULL},
};

static int verify_with(const char *key, const unsigned char *signature, const unsigned char *text,
                       size_t len)
{
    unsigned char bytes[crypto_sign_PUBLICKEYBYTES];
    return sodium_hex2bin(bytes, sizeof(bytes), key, strlen(key), NULL, NULL, NULL) == 0
               ? crypto_sign_verify_detached(signature, text, len, bytes)
               : -1;
}

int image_index_verify(const char *text, size_t len, const struct field_strings *keys,
                       const char **ret_body, const char **ret_key, struct err *err)
{
    unsigned char signature[crypto_sign_BYTES];
    size_t used = 0;
    if (sodium_init() < 0) {
        return err_set(err, ERR_INTERNAL, "libsodium does not start");
    }
    if (len > IMAGE_INDEX_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "the index has more than %d bytes",
                       IMAGE_INDEX_BYTES_MAX);
    }
    if (len < HEAD_LEN || memcmp(text, FIRST_LINE, FIRST_LEN) != 0 || text[HEAD_LEN - 1] != '\n' ||
        sodium_hex2bin(signature, sizeof(signature), text + FIRST_LEN, PKI_IMAGE_SIGNATURE_HEX,
                       NULL, &used, NULL) != 0 ||
        used != sizeof(signature)) {
        return err_set(err, ERR_MALFORMED, "it does not begin as an index of images does");
    }
    size_t body_len = len - HEAD_LEN;
    _cleanup_free_ unsigned char *said = malloc(FIRST_LEN + body_len);
    if (!said) {
        abort();
    }
    memcpy(said, FIRST_LINE, FIRST_LEN);
    memcpy(said + FIRST_LEN, text + HEAD_LEN, body_len);
    for (size_t i = 0; i < keys->count; i++) {
        if (verify_with(keys->items[i], signature, said, FIRST_LEN + body_len) == 0) {
            *ret_body = text + HEAD_LEN;
            *ret_key = keys->items[i];
            return 0;
        }
    }
    return err_set(err, ERR_FORBIDDEN,
                   keys->count == 0 ? "image_index.keys of the configuration names no key"
                                    : "the signature is of none of the keys in image_index.keys, "
                                      "or the index was changed or cut");
}

// YYYY-MM-DDTHH:MM:SSZ
static int read_time(const char *text, const char *what, int64_t *ret_s, struct err *err)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end != '\0' || !isdigit((unsigned char)text[0])) {
        return err_set(err, ERR_INVALID, "%s is no time", what);
    }
    *ret_s = timegm(&tm);
    return 0;
}

static int check_times(const struct head *head, int64_t now, struct err *err)
{
    int64_t issued = 0;
    int64_t expires = 0;
    int r;
    if ((r = read_time(head->issued, "issued", &issued, err)) < 0 ||
        (r = read_time(head->expires, "expires", &expires, err)) < 0) {
        return r;
    }
    if (now >= expires) {
        return err_set(err, ERR_INVALID, "the index expired at %s", head->expires);
    }
    if (issued > now + CLOCK_SLACK_S) {
        return err_set(err, ERR_INVALID, "the index is of the future, %s: is the clock right?",
                       head->issued);
    }
    return 0;
}

// An address, or the plain name of a file beside the index: nothing that leads elsewhere.
static bool is_place(const char *url)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) {
        return strpbrk(url, " \"<>\\^`{|}") == NULL;
    }
    return url[0] != '.' && url[strspn(url, plain)] == '\0';
}

static int check_entry(const struct image_index *index, const struct image_index_entry *entry,
                       struct err *err)
{
    if (strspn(entry->sha256, "0123456789abcdef") != 64) {
        return err_set(err, ERR_INVALID, "sha256 is not 64 hex digits");
    }
    if (!is_place(entry->url)) {
        return err_set(err, ERR_INVALID,
                       "url is neither an address nor the name of a file beside the index");
    }
    if (image_index_find(index, entry->name, entry->arch)) {
        return err_set(err, ERR_INVALID, "%s for %s is there twice", entry->name, entry->arch);
    }
    return 0;
}

static int read_entries(struct image_index *index, json_t *images, struct err *err)
{
    if (!json_is_array(images) || json_array_size(images) > IMAGE_INDEX_IMAGES_MAX) {
        return err_set(err, ERR_INVALID, "images is no list of at most %d", IMAGE_INDEX_IMAGES_MAX);
    }
    index->entries = calloc(json_array_size(images) + 1, sizeof(*index->entries));
    if (!index->entries) {
        abort();
    }
    size_t i;
    json_t *item;
    json_array_foreach (images, i, item) {
        struct image_index_entry entry = {0};
        int r = field_decode(entry_fields, item, NULL, &entry, err);
        if (r < 0 || (r = check_entry(index, &entry, err)) < 0) {
            return err_wrap(err, "image %zu%s", i, err->pointer);
        }
        index->entries[index->count++] = entry;
    }
    return 0;
}

int image_index_parse(const char *body, size_t len, int64_t now, struct image_index *ret_index,
                      struct err *err)
{
    struct image_index index = {0};
    struct head head = {0};
    json_t *tree = NULL;
    int r = json_read(body, len, DEPTH_MAX, &tree, err);
    if (r < 0) {
        return r;
    }
    index.tree = tree;
    r = field_decode(head_fields, tree, NULL, &head, err);
    if (r < 0 || (r = check_times(&head, now, err)) < 0 ||
        (r = read_entries(&index, head.images, err)) < 0) {
        image_index_finish(&index);
        return r;
    }
    index.serial = head.serial;
    *ret_index = index;
    return 0;
}

void image_index_finish(struct image_index *index)
{
    free(index->entries);
    json_decref(index->tree);
    *index = (struct image_index){0};
}

const struct image_index_entry *image_index_find(const struct image_index *index, const char *name,
                                                 const char *arch)
{
    for (size_t i = 0; i < index->count; i++) {
        if (strcmp(index->entries[i].name, name) == 0 &&
            strcmp(index->entries[i].arch, arch) == 0) {
            return &index->entries[i];
        }
    }
    return NULL;
}

int image_index_sign(const char *pki_dir, const char *body, char **ret_text, struct err *err)
{
    char signature[PKI_IMAGE_SIGNATURE_HEX + 1];
    _cleanup_free_ char *said = NULL;
    int len = asprintf(&said, FIRST_LINE "%s", body);
    if (len < 0) {
        abort();
    }
    int r = pki_sign(pki_dir, said, (size_t)len, signature, err);
    if (r == 0 && asprintf(ret_text, FIRST_LINE "%s\n%s", signature, body) < 0) {
        abort();
    }
    return r;
}
