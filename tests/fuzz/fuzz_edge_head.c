// The head of a request, line by line.
#include "edge_head.h"
#include "fuzz.h"
#include "macro.h"

#include <string.h>

enum { BODY_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct edge_head head = {0};
    struct err err = {0};
    const uint8_t *end = data + size;
    while (data < end && !head.ended) {
        const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
        size_t len = (size_t)((newline ? newline : end) - data);
        size_t cut = len > 0 && data[len - 1] == '\r' ? len - 1 : len;
        // A copy of its own, so that AddressSanitizer sees a read behind the line.
        _cleanup_free_ char *line = malloc(cut ? cut : 1);
        FUZZ_CHECK(line);
        memcpy(line, data, cut);
        if (edge_head_line(&head, line, cut, BODY_MAX, &err) < 0) {
            FUZZ_CHECK(err.text[0]);
            return 0;
        }
        FUZZ_CHECK(head.content_length <= BODY_MAX);
        data += len + (newline ? 1 : 0);
    }
    return 0;
}
