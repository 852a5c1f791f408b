// Field tables of bodies about people (bodies.h has the rest).
#pragma once

#include "field.h"

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 1024 };

extern const struct field body_profile_patch[], body_member_patch[], body_user_patch[],
    body_password_change[], body_password_proof[], body_totp[], body_reset[], body_reset_confirm[],
    body_invitation[], body_invitation_accept[], body_impersonation[];
