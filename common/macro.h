// Small helpers of the language: cleanup attributes, ownership transfer, array sizes.
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _must_check_ __attribute__((warn_unused_result))
#define _noreturn_ __attribute__((noreturn))
#define _unused_ __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

// Takes the value out of a variable that a cleanup attribute guards: the caller owns it now.
#define STEAL(p)                                                                                   \
    ({                                                                                             \
        typeof(p) *steal_from_ = &(p);                                                             \
        typeof(p) stolen_ = *steal_from_;                                                          \
        *steal_from_ = NULL;                                                                       \
        stolen_;                                                                                   \
    })

#define STEAL_FD(fd)                                                                               \
    ({                                                                                             \
        int *steal_from_ = &(fd);                                                                  \
        int stolen_ = *steal_from_;                                                                \
        *steal_from_ = -1;                                                                         \
        stolen_;                                                                                   \
    })

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static inline void cleanup_file(FILE **f)
{
    if (*f) {
        fclose(*f);
    }
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fd_ _cleanup_(cleanup_fd)
#define _cleanup_file_ _cleanup_(cleanup_file)
