#include "console_wire.h"

#include "field.h"
#include "json.h"
#include "macro.h"

#include <string.h>

enum { DEPTH_MAX = 4 };

struct resize {
    const char *type;
    int64_t cols, rows;
};

static const struct field resize_fields[] = {
    {"type", FIELD_STRING, offsetof(struct resize, type), .min = 1, .max = 16,
     .flags = FIELD_REQUIRED},
    {"cols", FIELD_INT, offsetof(struct resize, cols), .min = 1, .max = CONSOLE_SIDE_MAX,
     .flags = FIELD_REQUIRED},
    {"rows", FIELD_INT, offsetof(struct resize, rows), .min = 1, .max = CONSOLE_SIDE_MAX,
     .flags = FIELD_REQUIRED},
    {NULL},
};

struct said {
    const char *type, *code, *detail;
};

static const struct field said_fields[] = {
    {"type", FIELD_STRING, offsetof(struct said, type), .min = 1, .max = 16,
     .flags = FIELD_REQUIRED},
    {"code", FIELD_STRING, offsetof(struct said, code), .min = 1, .max = CONSOLE_CODE_MAX},
    {"detail", FIELD_STRING, offsetof(struct said, detail), .min = 1, .max = 4096},
    {NULL},
};

static int read_message(const struct field *table, const char *text, size_t len, json_t **ret_tree,
                        void *out, struct err *err)
{
    _cleanup_json_ json_t *tree = NULL;
    int r = json_read(text, len, DEPTH_MAX, &tree, err);
    if (r == 0) {
        r = field_decode(table, tree, NULL, out, err);
    }
    if (r < 0) {
        return err_set(err, ERR_PROTOCOL, "not a message of a console");
    }
    *ret_tree = STEAL(tree);
    return 0;
}

int console_read_client(const char *text, size_t len, struct console_size *ret_size,
                        struct err *err)
{
    struct resize resize;
    _cleanup_json_ json_t *tree = NULL;
    int r = read_message(resize_fields, text, len, &tree, &resize, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(resize.type, "resize") != 0) {
        return err_set(err, ERR_PROTOCOL, "a client says nothing but resize");
    }
    *ret_size = (struct console_size){(int)resize.cols, (int)resize.rows};
    return 0;
}

void console_write_size(const struct console_size *size, char out[80])
{
    snprintf(out, 80, "{\"type\":\"resize\",\"cols\":%d,\"rows\":%d}", size->cols, size->rows);
}

int console_read_agent(const char *text, size_t len, enum console_said *ret_said,
                       char ret_detail[CONSOLE_DETAIL_MAX], struct err *err)
{
    struct said said;
    _cleanup_json_ json_t *tree = NULL;
    int r = read_message(said_fields, text, len, &tree, &said, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(said.type, "ready") == 0) {
        *ret_said = CONSOLE_READY;
        return 0;
    }
    if (strcmp(said.type, "error") != 0 || !said.detail) {
        return err_set(err, ERR_PROTOCOL, "an agent says ready or error");
    }
    size_t end = strlen(said.detail);
    if (end >= CONSOLE_DETAIL_MAX) {
        end = CONSOLE_DETAIL_MAX - 1;
        while (end > 0 && ((unsigned char)said.detail[end] & 0xc0) == 0x80) {
            end--; // not within a character
        }
    }
    memcpy(ret_detail, said.detail, end);
    ret_detail[end] = '\0';
    *ret_said = said.code && strcmp(said.code, "slow") == 0 ? CONSOLE_SLOW : CONSOLE_FAILED;
    return 0;
}

char *console_write_closed(const char *reason, const char *detail)
{
    _cleanup_json_ json_t *message =
        json_pack("{s:s, s:s, s:s}", "type", "closed", "reason", reason, "detail", detail);
    return json_write(message);
}
