#include "problem.h"

#include "json.h"

#include <string.h>

char *problem_write(const struct err *err, const char *request_id)
{
    const struct err_info *info = err_info(err->code);
    bool ours = err->code == ERR_INTERNAL || err->code == ERR_SYSTEM;
    const char *detail = ours || !err->text[0] ? info->title : err->text;
    // A text cut in the middle of a character is no JSON string.
    json_t *text = json_string(detail);
    _cleanup_json_ json_t *problem =
        json_pack("{s:o, s:s, s:i, s:o, s:o, s:s}", "type",
                  json_sprintf("urn:croft:problem:%s", info->slug), "title", info->title, "status",
                  info->status, "detail", text ? text : json_string(info->title), "instance",
                  json_string(request_id), "code", info->slug);
    if (err->pointer[0]) {
        json_t *errors = json_pack("[{s:s, s:O}]", "pointer", err->pointer, "detail",
                                   json_object_get(problem, "detail"));
        if (errors) {
            json_object_set_new(problem, "errors", errors);
        }
    }
    const char *slash = strchr(err->existing, '/');
    if (slash) {
        json_object_set_new(problem, "existing",
                            json_pack("{s:s%, s:s}", "type", err->existing,
                                      (size_t)(slash - err->existing), "id", slash + 1));
    }
    return json_write(problem);
}
