// The cage of a helper that handles bytes of others: chrooted, without network, with few capabilities.
#pragma once

#include "err.h"

#include <stddef.h>

// Loads a UTF-8 locale (names in archives), then locks this process into directory, keeping the count
// capabilities. For good.
int confine(const char *directory, const int *capabilities, size_t count,
            struct err *err) _must_check_;
