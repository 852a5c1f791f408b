// Bodies and queries of the operations of a vps that exists.
#include "bodies.h"

enum { NAME_LEN_MAX = 63, SECONDS_MAX = 600 };

const struct field body_power[] = {
    {"force", FIELD_BOOL},
    {"timeout_s", FIELD_INT, .max = SECONDS_MAX},
    {NULL},
};
