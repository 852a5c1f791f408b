// A usage message as PostgreSQL takes it (functions/70-usage.sql): lists by column, which cost it a
// fraction of what an object for each sample does. Used by hub_message.c.
#pragma once

#include "hub_fields.h"

#include <stddef.h>

// samples: those of the message, each checked. The caller frees the text. Never NULL (running out
// of memory aborts).
char *hub_usage_text(const struct hub_usage *usage, const struct hub_sample *samples, size_t count);
