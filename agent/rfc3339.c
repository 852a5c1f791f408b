#include "rfc3339.h"

#include <stdio.h>
#include <time.h>

void rfc3339_ms(int64_t ms, char out[RFC3339_SIZE])
{
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, RFC3339_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, RFC3339_SIZE - n, ".%03dZ", (int)(ms % 1000));
}

void rfc3339_now(char out[RFC3339_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    rfc3339_ms((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, out);
}
