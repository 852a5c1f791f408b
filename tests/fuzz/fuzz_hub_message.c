// What an agent says to the server.
#include "fuzz.h"
#include "hub_message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub_message message = {0};
    struct err err = {0};
    if (hub_message_read((const char *)data, size, &message, &err) < 0) {
        FUZZ_CHECK(err.text[0]);
        return 0;
    }
    FUZZ_CHECK(message.type < HUB_MESSAGE_TYPES && hub_message_name(message.type));
    FUZZ_CHECK(message.text && memchr(message.key, '\0', sizeof(message.key)));
    FUZZ_CHECK(message.type == HUB_HELLO ? message.epoch == 0 : message.epoch >= 0);
    hub_message_finish(&message);
    return 0;
}
