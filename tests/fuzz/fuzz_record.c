// Records of the journal and the spool, found among anything a crash may have left.
#include "fuzz.h"
#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t offset = 0;
    size_t last = 0;
    const char *text;
    size_t len;
    while (record_next(data, size, &offset, &text, &len)) {
        FUZZ_CHECK(offset > last && offset <= size && len <= RECORD_MAX);
        FUZZ_CHECK((const uint8_t *)text >= data && (const uint8_t *)text + len == data + offset);
        last = offset;
    }
    return 0;
}
