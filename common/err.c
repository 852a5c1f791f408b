#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const struct err_info infos[] = {
    [-ERR_OK] = {"ok", 200, "OK"},
    [-ERR_INTERNAL] = {"internal", 500, "Internal error"},
    [-ERR_MALFORMED] = {"malformed_request", 400, "Malformed request"},
    [-ERR_INVALID] = {"invalid_value", 422, "Invalid value"},
    [-ERR_UNAUTHENTICATED] = {"unauthenticated", 401, "Not signed in"},
    [-ERR_FORBIDDEN] = {"forbidden", 403, "Not allowed"},
    [-ERR_NOT_FOUND] = {"not_found", 404, "Not found"},
    [-ERR_METHOD] = {"method_not_allowed", 405, "Method not allowed"},
    [-ERR_CONFLICT] = {"conflict", 409, "Conflict"},
    [-ERR_PRECONDITION_FAILED] = {"precondition_failed", 412, "Changed in the meantime"},
    [-ERR_PRECONDITION_REQUIRED] = {"precondition_required", 428, "If-Match required"},
    [-ERR_TOO_LARGE] = {"too_large", 413, "Too large"},
    [-ERR_MEDIA_TYPE] = {"unsupported_media_type", 415, "Unsupported media type"},
    [-ERR_RATE_LIMITED] = {"rate_limited", 429, "Too many requests"},
    [-ERR_UNAVAILABLE] = {"unavailable", 503, "Unavailable"},
    [-ERR_TIMEOUT] = {"timeout", 504, "Timed out"},
    [-ERR_QUOTA] = {"quota_exceeded", 409, "Quota exceeded"},
    [-ERR_NO_CAPACITY] = {"no_capacity", 409, "No capacity"},
    [-ERR_POOL_EXHAUSTED] = {"pool_exhausted", 409, "No free address"},
    [-ERR_NODE_UNREACHABLE] = {"node_unreachable", 504, "Node unreachable"},
    [-ERR_IMAGE] = {"image_invalid", 422, "Image not usable"},
    [-ERR_DISK_FULL] = {"disk_full", 507, "Disk full"},
    [-ERR_SYSTEM] = {"system_error", 500, "System error"},
    [-ERR_PROTOCOL] = {"protocol_error", 400, "Protocol error"},
    [-ERR_CANCELLED] = {"cancelled", 409, "Cancelled"},
    [-ERR_IDEMPOTENCY] = {"idempotency_key_reused", 422, "Idempotency key used before"},
    [-ERR_PROTECTED] = {"protected", 409, "Protected"},
    [-ERR_EXTERNAL_REF] = {"external_ref_exists", 409, "Reference in use"},
    [-ERR_TOTP] = {"totp_required", 401, "Code required"},
    [-ERR_BREACHED] = {"password_breached", 422, "Password known to have been stolen"},
    [-ERR_LAST_OWNER] = {"last_owner", 409, "The last owner"},
    [-ERR_VPS_LOST] = {"vps_lost", 409, "Lost with its node"},
    [-ERR_BALANCE] = {"balance_exhausted", 409, "Balance used up"},
};

static void set_text(struct err *err, const char *fmt, va_list ap) _printf_(2, 0);

static void set_text(struct err *err, const char *fmt, va_list ap)
{
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        set_text(err, fmt, ap);
        va_end(ap);
        err->code = code;
        err->pointer[0] = '\0';
        err->existing[0] = '\0';
    }
    return code;
}

int err_at(struct err *err, enum err_code code, const char *pointer, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        set_text(err, fmt, ap);
        va_end(ap);
        err->code = code;
        snprintf(err->pointer, sizeof(err->pointer), "%s", pointer);
        err->existing[0] = '\0';
    }
    return code;
}

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
    enum err_code code = errnum == ENOSPC || errnum == EDQUOT ? ERR_DISK_FULL : ERR_SYSTEM;
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        set_text(err, fmt, ap);
        va_end(ap);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerrordesc_np(errnum));
        err->code = code;
        err->pointer[0] = '\0';
        err->existing[0] = '\0';
    }
    return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err) {
        return ERR_INTERNAL;
    }
    char context[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);

    size_t context_len = strlen(context);
    size_t room = sizeof(err->text) - 1;
    if (context_len + 2 < room) {
        size_t text_len = strnlen(err->text, room - context_len - 2);
        memmove(err->text + context_len + 2, err->text, text_len);
        memcpy(err->text, context, context_len);
        memcpy(err->text + context_len, ": ", 2);
        err->text[context_len + 2 + text_len] = '\0';
    }
    return err->code < 0 ? err->code : ERR_INTERNAL;
}

const struct err_info *err_info(enum err_code code)
{
    if (code > 0 || code < ERR_CODE_MIN) {
        code = ERR_INTERNAL;
    }
    return &infos[-code];
}

enum err_code err_code_from_slug(const char *slug)
{
    for (size_t i = 1; i < ARRAY_LEN(infos); i++) {
        if (slug && strcmp(infos[i].slug, slug) == 0) {
            return -(int)i;
        }
    }
    return ERR_INTERNAL;
}
