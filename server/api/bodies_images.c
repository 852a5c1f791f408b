// Bodies of what makes an image of a vps.
#include "bodies.h"

enum { NAME_LEN_MAX = 63, TITLE_LEN_MAX = 200 };

const struct field body_publish[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {"title", FIELD_STRING, .min = 1, .max = TITLE_LEN_MAX},
    {NULL},
};
