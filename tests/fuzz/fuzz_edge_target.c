// A request's target: nothing that decodes may hold a control character or climb out of a segment.
#include "edge_target.h"
#include "fuzz.h"
#include "macro.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FUZZ_CHECK(text);
    struct edge_target target = {0};
    struct err err = {0};
    if (edge_target_parse(text, &target, &err) < 0) {
        FUZZ_CHECK(err.text[0]);
        return 0;
    }
    FUZZ_CHECK(target.path && target.count >= 0 && target.count <= EDGE_QUERY_MAX);
    for (const char *p = target.path; *p; p++) {
        FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    for (int i = 0; i < target.count; i++) {
        FUZZ_CHECK(target.names[i] && target.values[i]);
        for (int k = 0; k < i; k++) {
            FUZZ_CHECK(strcmp(target.names[i], target.names[k]) != 0);
        }
    }
    edge_target_finish(&target);
    return 0;
}
