#include "pressure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PERCENT = 100 };

static bool to_hundredths(unsigned whole, unsigned part, uint32_t *ret)
{
    *ret = whole * 100 + part;
    return whole <= PERCENT && part < 100;
}

static void parse_line(const char *line, struct stall *stall)
{
    unsigned whole[3], part[3];
    struct stall read = {0};
    if (sscanf(line, " avg10=%3u.%2u avg60=%3u.%2u avg300=%3u.%2u total=%19" SCNu64, &whole[0],
               &part[0], &whole[1], &part[1], &whole[2], &part[2], &read.total_us) == 7 &&
        to_hundredths(whole[0], part[0], &read.avg10) &&
        to_hundredths(whole[1], part[1], &read.avg60) &&
        to_hundredths(whole[2], part[2], &read.avg300) && read.total_us <= INT64_MAX) {
        read.known = true;
        *stall = read;
    }
}

void pressure_parse(const char *text, struct pressure *ret_pressure)
{
    *ret_pressure = (struct pressure){0};
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "some", 4) == 0) {
            parse_line(line + 4, &ret_pressure->some);
        } else if (strncmp(line, "full", 4) == 0) {
            parse_line(line + 4, &ret_pressure->full);
        }
    }
}
