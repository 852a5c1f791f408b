// Frames between link and broker.
#include "frame.h"
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    size_t frame = 0;
    while (frame_measure(data, size, &frame, &err) == 0 && frame > 0) {
        FUZZ_CHECK(frame <= size && frame > FRAME_HEADER && frame <= FRAME_HEADER + FRAME_MAX);
        _cleanup_json_ json_t *message = NULL;
        if (frame_decode(data, frame, &message, &err) < 0) {
            FUZZ_CHECK(err.text[0]);
            return 0;
        }
        FUZZ_CHECK(json_is_object(message));
        data += frame;
        size -= frame;
    }
    return 0;
}
