#include "uuid.h"

#include "macro.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

// Random bytes, fetched for sixteen ids at once: a server makes one a request.
static void take_random(uint8_t out[16])
{
    static _Thread_local uint8_t
        ready[256]; // as much as getrandom() gives whole, whatever comes between
    static _Thread_local size_t left;
    if (left < 16) {
        if (getrandom(ready, sizeof(ready), 0) != (ssize_t)sizeof(ready)) {
            abort();
        }
        left = sizeof(ready);
    }
    left -= 16;
    memcpy(out, ready + left, 16);
}

void uuid_make(char out[UUID_LEN + 1])
{
    uint8_t b[16];
    take_random(b);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (int i = 0; i < 6; i++) {
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));

    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = '\0';
}

bool uuid_is(const char *text)
{
    if (!text || strlen(text) != UUID_LEN) {
        return false;
    }
    for (int i = 0; i < UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = text[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (dash ? c != '-' : !digit) {
            return false;
        }
    }
    return true;
}
