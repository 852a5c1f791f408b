#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "steps_table.h"

#include <string.h>
#include <strings.h>

// Past its time a wait may still be looking; then what was seen before is the answer (reply.c).
enum { PREFER_MAX_S = 60, MARGIN_S = 5 };

static request_step *const look_at_task[] = {step_query, step_wait_task, NULL};
static request_step *const look_at_log[] = {step_query, step_wait_log, NULL};
static request_step *const look_at_outcome[] = {step_query, step_prefer_look, NULL};

static void on_woken(enum wait_news news, void *arg)
{
    request_run(arg); // the step that armed it has left the steps to run
}

static void begin(struct request *request, const char *task, int seconds)
{
    request->wait = wait_begin(request->api->waits, task, seconds, on_woken, request);
    request_set_deadline(request, seconds + MARGIN_S);
}

// Looks again now or when there is news; when the time is over the answer stands as it is.
static enum step_result look_again(struct request *request, request_step *const *steps)
{
    enum wait_news news;
    request->step = steps;
    if (!wait_arm(request->wait, &news)) {
        return STEP_WAIT;
    }
    if (news == WAIT_OVER) {
        request->step = NULL;
        return STEP_DONE;
    }
    return STEP_NEXT;
}

enum step_result step_wait_begin(struct request *request)
{
    int64_t seconds = json_get_int(request->query, "wait", 0);
    if (seconds > 0) {
        begin(request, request->id, (int)seconds);
    }
    return STEP_NEXT;
}

// Whether this request waits and the answer's body has one of the words that say there is something to wait for.
static bool is_open(const struct request *request, const char *name, const char *const words[])
{
    _cleanup_json_ json_t *body = NULL;
    if (!request->wait || request->err.code != ERR_OK ||
        json_read(request->answer.body, request->answer.body_len, JSON_DEPTH_MAX, &body, NULL) <
            0) {
        return false;
    }
    const char *value = json_get_string(body, name, "");
    for (; *words; words++) {
        if (strcmp(value, *words) == 0) {
            return true;
        }
    }
    return false;
}

enum step_result step_wait_task(struct request *request)
{
    static const char *const words[] = {"queued", "running", NULL};
    return is_open(request, "status", words) ? look_again(request, look_at_task) : STEP_DONE;
}

enum step_result step_wait_log(struct request *request)
{
    static const char *const words[] = {"asked", NULL};
    return is_open(request, "state", words) ? look_again(request, look_at_log) : STEP_DONE;
}

// "wait=N" among the preferences (RFC 7240); 0 if it is not there.
static int preferred_wait(const struct request *request)
{
    const char *prefer = edge_header(request->edge, "Prefer");
    while (prefer && *prefer) {
        prefer += strspn(prefer, " \t,;");
        if (strncasecmp(prefer, "wait=", 5) == 0) {
            long seconds = strtol(prefer + 5, NULL, 10);
            return seconds < 0 ? 0 : seconds > PREFER_MAX_S ? PREFER_MAX_S : (int)seconds;
        }
        prefer += strcspn(prefer, ",;");
    }
    return 0;
}

// After the 202: the task of the body is waited for, then the final answer is read.
enum step_result step_prefer_wait(struct request *request)
{
    int seconds = preferred_wait(request);
    if (seconds == 0 || request->err.code != ERR_OK || request->answer.status != 202) {
        return STEP_DONE;
    }
    _cleanup_json_ json_t *body = NULL;
    if (json_read(request->answer.body, request->answer.body_len, JSON_DEPTH_MAX, &body, NULL) <
        0) {
        return STEP_DONE;
    }
    const char *task = json_get_string(json_object_get(body, "task"), "id", "");
    edge_add_header(request->edge, "Preference-Applied", "wait");
    begin(request, task, seconds);
    json_decref(request->input);
    request->input = json_pack("{s:s}", "id", task);
    request->sql = SQL_TASK_OUTCOME;
    request->step = look_at_outcome;
    return STEP_NEXT;
}

enum step_result step_prefer_look(struct request *request)
{
    if (request->err.code != ERR_OK || request->answer.status != 202) {
        return STEP_DONE;
    }
    return look_again(request, look_at_outcome);
}
