// Pressure stall information of a cgroup: the files cpu.pressure, memory.pressure, io.pressure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stall {
    bool known;
    uint32_t avg10, avg60, avg300; // hundredths of a percent
    uint64_t total_us;
};

struct pressure {
    struct stall some, full;
};

// What a line does not say stays unknown.
void pressure_parse(const char *text, struct pressure *ret_pressure);
