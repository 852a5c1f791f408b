// A Content-Range: a piece that lies within its whole, or an error.
#include "fuzz.h"
#include "upload.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct upload_range range = {0};
    struct err err = {0};
    char *text = strndup((const char *)data, size);
    int r = upload_parse_range(text, &range, &err);
    free(text);
    FUZZ_CHECK(r == 0 || (err.code == ERR_MALFORMED && err.text[0]));
    if (r == 0) {
        FUZZ_CHECK(range.total > 0 && range.first >= 0);
        FUZZ_CHECK(range.asks ? range.size == 0
                              : range.size > 0 && range.first + range.size <= range.total);
    }
    return 0;
}
