// Mail to an address and about a name that somebody chose, a line each: nothing of them becomes a line of the head.
#include "fuzz.h"
#include "json.h"
#include "macro.h"
#include "mail_text.h"

#include <string.h>

static int count_heads(const char *message)
{
    const char *end = strstr(message, "\r\n\r\n");
    int heads = 0;
    FUZZ_CHECK(end);
    for (const char *at = message; at < end; at = strstr(at, "\r\n") + 2) {
        heads += *at != ' '; // the subject is folded
    }
    return heads;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FUZZ_CHECK(text);
    size_t first = strcspn(text, "\n");
    const char *name = text[first] ? text + first + 1 : "";
    text[first] = '\0';
    _cleanup_json_ json_t *args = json_pack("{s:s}", "tenant", name);
    struct mail mail = {
        .id = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11",
        .kind = "invitation",
        .to = text,
        .args = args,
        .from = "croft@example.net",
        .url = "https://panel.example.net",
        .token = "0",
    };
    struct err err = {0};
    _cleanup_free_ char *message = NULL;
    if (!args) {
        return 0; // not UTF-8: no such name gets into the database
    }
    if (mail_write(&mail, &message, &err) < 0) {
        FUZZ_CHECK(err.code == ERR_INVALID && !message && !mail_address_ok(text));
        return 0;
    }
    FUZZ_CHECK(count_heads(message) == 9 && !strpbrk(text, "\r\n<> "));
    return 0;
}
