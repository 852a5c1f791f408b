// An event stream's place, as a client names it, and its messages: whatever a body holds, no line of it becomes a field of its own.
#include "err.h"
#include "fuzz.h"
#include "macro.h"
#include "stream.h"

#include <string.h>

static void check_message(const char *body)
{
    struct evbuffer *message = evbuffer_new();
    stream_print(message, "1", body);
    size_t len;
    char *line;
    while ((line = evbuffer_readln(message, &len, EVBUFFER_EOL_LF))) {
        FUZZ_CHECK(len == 0 || strncmp(line, "data: ", 6) == 0 || strcmp(line, "id: 1") == 0);
        FUZZ_CHECK(!strchr(line, '\r') && (len > 0 || evbuffer_get_length(message) == 0));
        free(line);
    }
    evbuffer_free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FUZZ_CHECK(text);
    int64_t id = -1;
    struct err err = {0};
    if (stream_read_id(text, &id, &err) < 0) {
        FUZZ_CHECK(id == -1 && err.code == ERR_INVALID);
    } else {
        FUZZ_CHECK(id >= 0 && id <= 999999999999999);
    }
    check_message(text);
    return 0;
}
