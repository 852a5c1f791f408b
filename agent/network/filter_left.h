// What lies in the node's nftables table of guests that have no part in it: chains and limits that no file tells of. Elements
// need no such look, since filter_all.c empties sets and maps before it fills them.
#pragma once

#include "err.h"

enum { FILTER_SLOTS = 65536 };

// Removes all of every slot whose bit is not set. The caller holds the lock of filter.c.
int filter_left_remove(const unsigned char known[FILTER_SLOTS / 8], struct err *err) _must_check_;
