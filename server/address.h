// Which addresses a request that a customer caused may go to: those of the public internet and no others. Pure.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <sys/socket.h>

// NULL: public. Else what it is, for a person ("private (RFC 1918)"). Anything but IPv4 and IPv6 is not public.
const char *address_reserved(const struct sockaddr *address);
