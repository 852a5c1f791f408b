// nftables commands in this process (libnftables), each call one transaction.
#pragma once

#include "err.h"

// Runs commands in nft's language; all of them take effect or none.
int nft_run(const char *commands, struct err *err) _must_check_;
