// What a worker leaves to the whole program: it is linked with less than that, since each library costs
// every fork of liblxc. `croft-agent unpack` and `croft-agent nft` run, answer and end.
#pragma once

#include "err.h"

// Runs `croft-agent role [argument]` with in as its standard input and returns what it answered. It
// dies with us. Blocks.
int helper_run(const char *role, const char *argument, int in, struct err *err) _must_check_;

// In the helper: its answer, on standard output. Returns the exit status.
int helper_answer(const struct err *err);
