// Networks as text: "10.0.0.0/8", "2001:db8::/32". They go into filter text as they are.
#pragma once

#include <stdbool.h>

enum { CIDR_TEXT_MAX = 50 };

// 4 or 6 when text is a network in canonical form, without bits behind its prefix; else 0.
int cidr_family(const char *text);

// Whether the network, of which cidr_family() is true, holds this address of the same family.
bool cidr_holds(const char *network, const char *address);
