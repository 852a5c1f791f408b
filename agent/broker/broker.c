#include "broker.h"

#include "file.h"
#include "json.h"
#include "log.h"
#include "message.h"
#include "template.h"
#include "uuid.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { STOP_MS = 8000 }; // running workers get that long to end

int64_t broker_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void broker_arm(struct event *timer, int64_t ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(timer, &tv);
}

struct event *broker_timer(struct broker *broker, int64_t ms, event_callback_fn callback)
{
    struct event *timer = evtimer_new(broker->base, callback, broker);
    if (!timer) {
        abort();
    }
    if (ms > 0) {
        broker_arm(timer, ms);
    }
    return timer;
}

void broker_wake(struct broker *broker)
{
    event_active(broker->wake, EV_TIMEOUT, 0);
}

void broker_send_link(struct broker *broker, json_t *message)
{
    _cleanup_json_ json_t *owned = message;
    struct err err = {0};
    if (frame_send(broker->link, owned, &err) < 0) {
        // Nothing is lost: results, inventory and usage are repeated on the next connection.
        log_warn("link_send", "type=%s error=%s", json_get_string(owned, "type", ""),
                 LOGQ(err.text));
    }
}

void broker_send(struct broker *broker, json_t *message)
{
    if (broker->epoch == 0) {
        json_decref(message);
        return;
    }
    json_object_set_new(message, "epoch", json_integer(broker->epoch));
    broker_send_link(broker, message);
}

static void on_up(struct broker *broker, json_t *message)
{
    broker->up = true;
    broker->epoch = 0;
    broker_node_hello(broker);
}

static void on_down(struct broker *broker, json_t *message)
{
    broker->up = false;
    broker->epoch = 0;
}

static void on_welcome(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct welcome_message welcome;
    if (message_welcome(message, &welcome, &err) < 0) {
        log_warn("welcome", "error=%s", LOGQ(err.text));
        return;
    }
    broker->epoch = welcome.epoch;
    log_info("welcome", "epoch=%lld", (long long)welcome.epoch);
    broker_node_start(broker, welcome.heartbeat_s);
    broker_task_repeat(broker);
    broker_observe_send(broker, INVENTORY_REPEATED);
    broker_usage_welcome(broker);
}

static const struct {
    const char *type;
    void (*handle)(struct broker *broker, json_t *message);
} handlers[] = {
    {"up", on_up},
    {"down", on_down},
    {"welcome", on_welcome},
    {"task", broker_task_message},
    {"task_confirm", broker_task_confirm},
    {"task_cancel", broker_task_cancel},
    {"usage_ack", broker_usage_ack},
    {"drift_clean", broker_drift_clean},
    {"log_request", broker_log_request},
    {"fetched", broker_image_fetched},
    {"pushed", broker_upload_ended},
    {"console_open", broker_console_open},
    {"console_close", broker_console_close},
};

// Unknown types are ignored: the server may be newer.
static void on_message(json_t *message, void *arg)
{
    struct broker *broker = arg;
    const char *type = json_get_string(message, "type", "");
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (strcmp(handlers[i].type, type) == 0) {
            handlers[i].handle(broker, message);
            return;
        }
    }
    log_debug("message_ignored", "type=%s", LOGQ(type));
}

static void on_closed(const char *reason, void *arg)
{
    struct broker *broker = arg;
    log_warn("link_closed", "reason=%s", LOGQ(reason));
    event_base_loopbreak(broker->base);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    broker_task_schedule(arg);
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
    broker_task_retry_settle(arg);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    broker_worker_reap(broker);
    if (broker->stopping && queue_running(broker->queue) == 0) {
        event_base_loopbreak(broker->base);
    }
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    const struct timeval limit = {.tv_sec = STOP_MS / 1000};
    broker->stopping = true;
    if (queue_running(broker->queue) == 0) {
        event_base_loopbreak(broker->base);
    }
    event_base_loopexit(broker->base, &limit);
}

static struct event *add_signal(struct broker *broker, int number, event_callback_fn callback)
{
    struct event *event = evsignal_new(broker->base, number, callback, broker);
    if (!event || event_add(event, NULL) < 0) {
        abort();
    }
    return event;
}

static int read_boot_id(struct broker *broker, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = file_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL, err);
    if (r == 0) {
        snprintf(broker->boot_id, sizeof(broker->boot_id), "%.36s", text);
    }
    return r;
}

static int open_state(struct broker *broker, struct err *err)
{
    char path[PATH_MAX];
    int r = drivers_select(broker->config, &broker->drivers, err);
    if (r == 0) {
        r = read_boot_id(broker, err);
    }
    if (r == 0) {
        snprintf(path, sizeof(path), "%s/journal", broker->config->state_dir);
        r = journal_open(path, &broker->journal, err);
    }
    if (r == 0) {
        snprintf(path, sizeof(path), "%s/spool", broker->config->state_dir);
        r = spool_open(path, broker->config->spool_max_bytes, &broker->spool, err);
    }
    if (r == 0) {
        spool_set_boot(broker->spool, broker->boot_id);
        r = vps_table_create(broker->config, &broker->vps, err);
    }
    if (r == 0) {
        broker_evidence_open(broker);
    }
    return r;
}

static void run(struct broker *broker, int link_fd)
{
    static const struct frame_handlers link_handlers = {.message = on_message, .closed = on_closed};
    signal(SIGPIPE, SIG_IGN);
    broker->base = event_base_new();
    if (!broker->base) {
        abort();
    }
    broker->queue = queue_create((unsigned)broker->config->workers);
    broker->template = template_create();
    broker->wake = broker_timer(broker, 0, on_wake);
    broker->settle = broker_timer(broker, 0, on_settle);
    struct event *child = add_signal(broker, SIGCHLD, on_child);
    struct event *terminate = add_signal(broker, SIGTERM, on_terminate);
    broker_console_start(broker);
    broker->link = frame_channel_create(broker->base, link_fd, &link_handlers, broker);
    broker_node_open(broker);
    event_base_dispatch(broker->base);
    event_free(child);
    event_free(terminate);
    broker_worker_abandon(broker);
}

static void finish(struct broker *broker)
{
    struct event *timers[] = {broker->wake,   broker->settle, broker->heartbeat, broker->observe,
                              broker->sample, broker->report, broker->inventory, broker->retry_open,
                              broker->check,  broker->disk,   broker->killed};
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        if (timers[i]) {
            event_free(timers[i]);
        }
    }
    broker_evidence_finish(broker);
    broker_console_finish(broker);
    frame_channel_destroy(broker->link);
    json_decref(broker->alarms);
    json_decref(broker->clean);
    journal_close(broker->journal);
    spool_close(broker->spool);
    vps_table_destroy(broker->vps);
    queue_destroy(broker->queue);
    template_destroy(broker->template);
    if (broker->base) {
        event_base_free(broker->base);
    }
}

int broker_main(const struct agent_config *config, int link_fd, int handover)
{
    struct err err = {0};
    struct broker broker = {.config = config, .handover = handover};
    if (open_state(&broker, &err) < 0) {
        log_error("broker_start", "error=%s", LOGQ(err.text));
        finish(&broker);
        return 1;
    }
    run(&broker, link_fd);
    // What was sampled since the last report is not lost by a clean stop.
    if (spool_report(broker.spool, NULL, &err) < 0) {
        log_error("spool", "error=%s", LOGQ(err.text));
    }
    finish(&broker);
    return 0;
}
