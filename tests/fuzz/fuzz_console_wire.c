// Text messages of a console, of its client and of its agent: what is taken is within bounds and can be passed on.
#include "console_wire.h"
#include "fuzz.h"
#include "json.h"
#include "macro.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct console_size console_size;
    enum console_said said = CONSOLE_READY;
    char detail[CONSOLE_DETAIL_MAX] = "";
    if (console_read_client((const char *)data, size, &console_size, &err) == 0) {
        char text[80];
        console_write_size(&console_size, text);
        FUZZ_CHECK(console_read_client(text, strlen(text), &console_size, &err) == 0);
        FUZZ_CHECK(console_size.cols >= 1 && console_size.cols <= CONSOLE_SIDE_MAX);
    }
    if (console_read_agent((const char *)data, size, &said, detail, &err) == 0 &&
        said != CONSOLE_READY) {
        _cleanup_free_ char *text = console_write_closed("failed", detail);
        _cleanup_json_ json_t *tree = NULL;
        FUZZ_CHECK(json_read(text, strlen(text), 4, &tree, &err) == 0);
    }
    return 0;
}
