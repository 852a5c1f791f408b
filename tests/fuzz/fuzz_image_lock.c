// A guest's file of accounts: locked twice is locked once, and no line is lost.
#include "fuzz.h"
#include "image_lock.h"

#include <string.h>

static size_t lines_of(const char *text, size_t len)
{
    size_t lines = 0;
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int empty = IMAGE_LOCK_EMPTY; empty <= IMAGE_KEEP_EMPTY; empty++) {
        size_t once_len;
        size_t twice_len;
        char *once = image_lock((const char *)data, size, (enum image_lock_empty)empty, &once_len);
        char *twice = image_lock(once, once_len, (enum image_lock_empty)empty, &twice_len);
        FUZZ_CHECK(once_len == twice_len && memcmp(once, twice, once_len) == 0);
        FUZZ_CHECK(lines_of((const char *)data, size) == lines_of(once, once_len));
        free(once);
        free(twice);
    }
    return 0;
}
