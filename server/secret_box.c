#include "secret_box.h"

#include "file.h"
#include "macro.h"

#include <sodium.h>
#include <string.h>

#define VERSION "v1."
#define ID_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

enum {
    ID_MAX = 32,
    KEYS_MAX = 16,
    FILE_MAX = 8192,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

struct key {
    char id[ID_MAX + 1];
    unsigned char bytes[KEY];
};

struct secret_box {
    int count;
    struct key keys[KEYS_MAX]; // the first seals
};

// ---- The file

static const struct key *find(const struct secret_box *box, const char *id, size_t len)
{
    for (int i = 0; i < box->count; i++) {
        if (strlen(box->keys[i].id) == len && memcmp(box->keys[i].id, id, len) == 0) {
            return &box->keys[i];
        }
    }
    return NULL;
}

static int read_line(struct secret_box *box, const char *line, struct err *err)
{
    size_t id_len = strspn(line, ID_LETTERS), len = 0;
    const char *hex = line + id_len + strspn(line + id_len, " \t");
    if (box->count == KEYS_MAX) {
        return err_set(err, ERR_INVALID, "more than %d keys", KEYS_MAX);
    }
    struct key *key = &box->keys[box->count];
    if (id_len < 1 || id_len > ID_MAX || hex == line + id_len || strlen(hex) != 2 * KEY ||
        sodium_hex2bin(key->bytes, KEY, hex, strlen(hex), NULL, &len, NULL) != 0 || len != KEY) {
        return err_set(err, ERR_INVALID,
                       "a line is an id of a-z, 0-9 and -, a space, and %d hex digits", 2 * KEY);
    }
    if (find(box, line, id_len)) {
        return err_set(err, ERR_INVALID, "two keys have the id %.*s", (int)id_len, line);
    }
    memcpy(key->id, line, id_len);
    box->count++;
    return 0;
}

static int read_lines(struct secret_box *box, char *text, struct err *err)
{
    char *line;
    int number = 0;
    while ((line = strsep(&text, "\n"))) {
        number++;
        if (line[0] != '\0' && line[0] != '#' && read_line(box, line, err) < 0) {
            return err_wrap(err, "line %d", number);
        }
    }
    return box->count > 0 ? 0 : err_set(err, ERR_INVALID, "it has no key");
}

int secret_box_load(const char *path, struct secret_box **ret_box, struct err *err)
{
    char *text = NULL;
    size_t len;
    int r = file_read(path, FILE_MAX, &text, &len, err);
    if (r < 0) {
        return err_wrap(err, "secrets.key_file (croft-server init makes it)");
    }
    struct secret_box *box = calloc(1, sizeof(*box));
    r = read_lines(box, text, err);
    sodium_memzero(text, len);
    free(text);
    if (r < 0) {
        secret_box_destroy(box);
        return err_wrap(err, "%s", path);
    }
    *ret_box = box;
    return 0;
}

void secret_box_destroy(struct secret_box *box)
{
    if (box) {
        sodium_memzero(box, sizeof(*box));
        free(box);
    }
}

int secret_box_init(const char *path, struct err *err)
{
    if (access(path, F_OK) == 0) {
        return 0;
    }
    unsigned char id[4], bytes[KEY];
    char id_hex[2 * sizeof(id) + 1], hex[2 * KEY + 1], line[sizeof(id_hex) + sizeof(hex) + 2];
    randombytes_buf(id, sizeof(id));
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(id_hex, sizeof(id_hex), id, sizeof(id));
    sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
    int len = snprintf(line, sizeof(line), "%s %s\n", id_hex, hex);
    int r = file_write_atomic(path, line, (size_t)len, 0600, err);
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(hex, sizeof(hex));
    sodium_memzero(line, sizeof(line));
    return r;
}

// ---- Sealing

char *secret_seal(const struct secret_box *box, const char *purpose, const char *text)
{
    const struct key *key = &box->keys[0];
    size_t len = strlen(text), packed_len = NONCE + len + TAG;
    size_t room = sodium_base64_encoded_len(packed_len, BASE64);
    unsigned char *packed = calloc(1, packed_len);
    char *encoded = calloc(1, room), *sealed = NULL;
    randombytes_buf(packed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(packed + NONCE, NULL, (const unsigned char *)text,
                                               len, (const unsigned char *)purpose, strlen(purpose),
                                               NULL, packed, key->bytes);
    sodium_bin2base64(encoded, room, packed, packed_len, BASE64);
    if (asprintf(&sealed, VERSION "%s.%s", key->id, encoded) < 0) {
        abort();
    }
    free(packed);
    free(encoded);
    return sealed;
}

// sealed: behind the version.
static int decode(const struct secret_box *box, const char *sealed, const struct key **ret_key,
                  unsigned char **ret_packed, size_t *ret_len, struct err *err)
{
    const char *dot = strchr(sealed, '.');
    if (!dot) {
        return err_set(err, ERR_INVALID, "it is not sealed");
    }
    const struct key *key = find(box, sealed, (size_t)(dot - sealed));
    if (!key) {
        return err_set(err, ERR_NOT_FOUND,
                       "it is sealed under a key that secrets.key_file has not");
    }
    size_t text_len = strlen(dot + 1), len = 0;
    unsigned char *packed = calloc(1, text_len + 1);
    if (sodium_base642bin(packed, text_len + 1, dot + 1, text_len, NULL, &len, NULL, BASE64) != 0 ||
        len < NONCE + TAG) {
        free(packed);
        return err_set(err, ERR_INVALID, "it is not sealed");
    }
    *ret_key = key;
    *ret_packed = packed;
    *ret_len = len;
    return 0;
}

int secret_open(const struct secret_box *box, const char *purpose, const char *sealed,
                char **ret_text, struct err *err)
{
    const struct key *key = NULL;
    _cleanup_free_ unsigned char *packed = NULL;
    size_t len = 0;
    if (strncmp(sealed, VERSION, strlen(VERSION)) != 0) {
        return err_set(err, ERR_INVALID, "it is not sealed");
    }
    int r = decode(box, sealed + strlen(VERSION), &key, &packed, &len, err);
    if (r < 0) {
        return r;
    }
    char *text = calloc(1, len - NONCE - TAG + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)text, NULL, NULL, packed + NONCE, len - NONCE,
            (const unsigned char *)purpose, strlen(purpose), packed, key->bytes) != 0) {
        free(text);
        return err_set(err, ERR_INVALID, "it was sealed for something else, or changed");
    }
    *ret_text = text;
    return 0;
}
