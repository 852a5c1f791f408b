#include "bodies_people.h"

enum { TITLE_MAX = 200, EMAIL_MIN = 3, EMAIL_MAX = 254 };

const struct field body_profile_patch[] = {
    {"name", FIELD_STRING, .max = TITLE_MAX},
    {NULL},
};

const struct field body_member_patch[] = {
    {"role", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};

const struct field body_user_patch[] = {
    {"email", FIELD_EMAIL, .min = EMAIL_MIN, .max = EMAIL_MAX},
    {"name", FIELD_STRING, .max = TITLE_MAX},
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {"totp_enabled", FIELD_BOOL},
    {NULL},
};
