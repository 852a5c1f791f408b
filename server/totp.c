#include "totp.h"

#include "macro.h"

#include <ctype.h>
#include <event2/http.h>
#include <liboath/oath.h>
#include <sodium.h>
#include <string.h>

enum { SECRET = 20, DIGITS = 6, STEP_S = 30, WINDOW = 1, RECOVERY_BYTES = 10, GROUP = 4 };

// 5 bits a character; len * 8 is a multiple of 5 for all that is encoded here.
static void base32(const unsigned char *bytes, size_t len, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    for (size_t bit = 0; bit < len * 8; bit += 5) {
        unsigned pair = (unsigned)bytes[bit / 8] << 8;
        if (bit / 8 + 1 < len) {
            pair |= bytes[bit / 8 + 1];
        }
        *out++ = alphabet[pair >> (11 - bit % 8) & 31];
    }
    *out = '\0';
}

void totp_make(struct totp_secret *ret_secret)
{
    unsigned char bytes[SECRET];
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(ret_secret->hex, sizeof(ret_secret->hex), bytes, sizeof(bytes));
    base32(bytes, sizeof(bytes), ret_secret->text);
    sodium_memzero(bytes, sizeof(bytes));
}

bool totp_check(const char *secret_hex, const char *code, int64_t now, int64_t *ret_step)
{
    char secret[SECRET];
    size_t len = 0;
    if (strlen(code) != DIGITS || strspn(code, "0123456789") != DIGITS ||
        sodium_hex2bin((unsigned char *)secret, sizeof(secret), secret_hex, strlen(secret_hex),
                       NULL, &len, NULL) != 0 ||
        len != SECRET) {
        return false;
    }
    uint64_t step = 0;
    int result =
        oath_totp_validate4(secret, len, (time_t)now, STEP_S, 0, WINDOW, NULL, &step, 0, code);
    sodium_memzero(secret, sizeof(secret));
    if (result < 0) {
        return false;
    }
    *ret_step = (int64_t)step;
    return true;
}

char *totp_uri(const struct totp_secret *secret, const char *email)
{
    _cleanup_free_ char *encoded = evhttp_uriencode(email, -1, 0);
    char *uri = NULL;
    if (!encoded || asprintf(&uri, "otpauth://totp/Croft:%s?secret=%s&issuer=Croft", encoded,
                             secret->text) < 0) {
        abort();
    }
    return uri;
}

void recovery_make(struct recovery_code *ret_code)
{
    unsigned char bytes[RECOVERY_BYTES];
    char plain[RECOVERY_BYTES * 8 / 5 + 1];
    randombytes_buf(bytes, sizeof(bytes));
    base32(bytes, sizeof(bytes), plain);
    snprintf(ret_code->text, sizeof(ret_code->text), "%.4s-%.4s-%.4s-%.4s", plain, plain + GROUP,
             plain + 2 * GROUP, plain + 3 * GROUP);
    recovery_hash(ret_code->text, ret_code->hash);
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(plain, sizeof(plain));
}

void recovery_hash(const char *typed, char out[TOKEN_HASH + 1])
{
    char plain[64];
    size_t len = 0;
    for (; *typed && len < sizeof(plain) - 1; typed++) {
        if (*typed != '-' && *typed != ' ') {
            plain[len++] = (char)toupper((unsigned char)*typed);
        }
    }
    token_hash(plain, len, out);
    sodium_memzero(plain, sizeof(plain));
}
