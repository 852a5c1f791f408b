// An Accept-Encoding: the plain form always will do, and nothing but the known bits is set.
#include "fuzz.h"
#include "panel.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    unsigned accepted = panel_accepted(text);
    FUZZ_CHECK(accepted & 1u << PANEL_PLAIN);
    FUZZ_CHECK(accepted < 1u << PANEL_ENCODINGS);
    if (!strpbrk(text, "*bBgG")) {
        FUZZ_CHECK(accepted == 1u << PANEL_PLAIN);
    }
    free(text);
    return 0;
}
