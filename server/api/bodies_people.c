#include "bodies_people.h"

enum { TITLE_MAX = 200, EMAIL_MIN = 3, EMAIL_MAX = 254, LINK = 64 };

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

const struct field body_password_change[] = {
    {"password", FIELD_STRING, .min = 1, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"new_password", FIELD_STRING, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {NULL},
};

const struct field body_password_proof[] = {
    {"password", FIELD_STRING, .min = 1, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {NULL},
};

const struct field body_totp[] = {
    {"code", FIELD_STRING, .min = 6, .max = 6, .flags = FIELD_REQUIRED | FIELD_SECRET},
    {NULL},
};

const struct field body_reset[] = {
    {"email", FIELD_EMAIL, .min = EMAIL_MIN, .max = EMAIL_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_reset_confirm[] = {
    {"token", FIELD_STRING, .min = LINK, .max = LINK, .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"password", FIELD_STRING, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {NULL},
};

const struct field body_invitation[] = {
    {"email", FIELD_EMAIL, .min = EMAIL_MIN, .max = EMAIL_MAX, .flags = FIELD_REQUIRED},
    {"role", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_REQUIRED},
    {"expires_in", FIELD_INT, .min = 3600, .max = 30 * 86400},
    {NULL},
};

const struct field body_invitation_accept[] = {
    {"token", FIELD_STRING, .min = LINK, .max = LINK, .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"password", FIELD_STRING, .min = PASSWORD_MIN, .max = PASSWORD_MAX, .flags = FIELD_SECRET},
    {"name", FIELD_STRING, .max = TITLE_MAX},
    {NULL},
};

const struct field body_impersonation[] = {
    {"tenant_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"user_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"reason", FIELD_STRING, .min = 3, .max = 500, .flags = FIELD_REQUIRED},
    {"expires_in", FIELD_INT, .min = 60, .max = 3600},
    {NULL},
};
