// A process that enters a guest must not be a program of the host to it: through /proc/<pid>/exe, or as the interpreter
// of what it executes there, the guest would hold the file (the fault of CVE-2019-5736).
#pragma once

#include "err.h"

// Executes this program again from a sealed copy in memory; returns 0 in that copy.
int console_seal(char **argv, struct err *err) _must_check_;
