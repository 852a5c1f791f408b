// What the server, or the link process, says to the broker.
#include "args.h"
#include "console.h"
#include "fuzz.h"
#include "json.h"
#include "message.h"
#include "uuid.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *tree = NULL;
    struct err err = {0};
    if (json_read((const char *)data, size, JSON_DEPTH_MAX, &tree, &err) < 0 ||
        !json_is_object(tree)) {
        return 0;
    }
    struct task_message task;
    struct welcome_message welcome;
    struct fetch_message fetch;
    struct fetched_message fetched;
    const char *text;
    int64_t batch;
    if (message_task(tree, &task, &err) == 0) {
        FUZZ_CHECK(uuid_is(task.task) && uuid_is(task.vps) && task.kind && task.generation >= 0);
    }
    if (message_task_id(tree, &text, &err) == 0) {
        FUZZ_CHECK(uuid_is(text));
    }
    struct cancel_message cancel;
    if (message_cancel(tree, &cancel, &err) == 0) {
        FUZZ_CHECK(uuid_is(cancel.task) && uuid_is(cancel.vps));
    }
    struct task_args args;
    if (message_task(tree, &task, &err) == 0 &&
        args_decode(task.kind, task.args, &args, &err) == 0) {
        FUZZ_CHECK(args.timeout_s >= -1 && args.timeout_s <= ARGS_TIMEOUT_MAX_S);
        FUZZ_CHECK(!args.password_hash || !strpbrk(args.password_hash, ":\n"));
    }
    json_t *items;
    if (message_drift_clean(tree, &items, &err) == 0) {
        FUZZ_CHECK(json_is_array(items));
    }
    if (message_welcome(tree, &welcome, &err) == 0) {
        FUZZ_CHECK(welcome.heartbeat_s > 0 && welcome.ping_s > 0);
    }
    if (message_fetch(tree, &fetch, &err) == 0) {
        FUZZ_CHECK(strspn(fetch.sha256, "0123456789abcdef") == 64 && fetch.size > 0);
    }
    if (message_fetched(tree, &fetched, &err) == 0) {
        FUZZ_CHECK(strspn(fetched.sha256, "0123456789abcdef") == 64);
    }
    struct push_message push;
    struct pushed_message pushed;
    if (message_push(tree, &push, &err) == 0) {
        FUZZ_CHECK(uuid_is(push.image) && strspn(push.sha256, "0123456789abcdef") == 64);
        FUZZ_CHECK(push.size > 0);
    }
    if (message_pushed(tree, &pushed, &err) == 0) {
        FUZZ_CHECK(uuid_is(pushed.image) && (!pushed.code || pushed.detail));
    }
    struct console_open_message open;
    if (message_console_open(tree, &open, &err) == 0) {
        FUZZ_CHECK(uuid_is(open.console) && uuid_is(open.vps) && open.port > 0 && open.host[0]);
    }
    struct console_order order;
    if (console_order_read(tree, &order, &err) == 0) {
        FUZZ_CHECK(uuid_is(order.terminal) && uuid_is(order.vps) && order.cols <= CONSOLE_SIDE_MAX);
    }
    if (message_usage_ack(tree, &batch, &err) < 0 || message_certificate(tree, &text, &err) < 0) {
        FUZZ_CHECK(err.text[0]);
    }
    return 0;
}
