// A fuzz target: eats any bytes, returns 0, and aborts where an invariant is broken. Driven by libFuzzer
// (clang, -Dfuzz=true) or by replay.c, which runs it over the seeds.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Aborts, so that libFuzzer keeps the input.
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
