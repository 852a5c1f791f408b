// The broker process: root, no network. Everything that link says is checked here once more.
// This header is for the broker_*.c files; main.c needs only broker_main().
#pragma once

#include "config.h"
#include "drivers.h"
#include "frame.h"
#include "journal.h"
#include "queue.h"
#include "spool.h"
#include "vps_table.h"

#include <event2/event.h>
#include <stdbool.h>

struct broker_consoles;

struct broker {
    const struct agent_config *config;
    struct drivers drivers;
    struct event_base *base;
    struct frame_channel *link;
    struct journal *journal;
    struct spool *spool;
    struct queue *queue;
    struct vps_table *vps;
    struct oom_log *oom;
    struct kmsg *kmsg; // NULL: the host does not let us
    struct template *template;
    struct broker_consoles *consoles;
    int handover;
    struct event *wake; // looks at the queue
    struct event *heartbeat, *observe, *inventory, *sample, *report, *settle, *retry_open, *check;
    struct event *killed; // soon after a kill for want of memory
    struct event *disk; // while the state disk is full
    bool disk_full;
    json_t *alarms; // of the last check; NULL before the first
    json_t *clean; // what the next check removes; NULL: nothing
    bool open; // pool and network are there
    bool up; // link has a connection
    bool stopping;
    int64_t heartbeat_s;
    int64_t epoch; // of the welcomed connection; 0: none, nothing but hello may be sent
    bool boot_pending; // guests are being started after a reboot of the node
    char boot_id[37]; // of the kernel
    struct {
        int64_t sent; // the highest batch sent on this connection
        unsigned outstanding;
        bool acked; // something was acknowledged since the last report
    } usage;
};

// Runs until SIGTERM or until link is gone. link_fd: the socket to link. handover: for terminals (handover.h). Returns the exit status.
int broker_main(const struct agent_config *config, int link_fd, int handover);

int64_t broker_now_ms(void); // CLOCK_MONOTONIC

// Sends to the server, through link, with the epoch put in; dropped when there is no welcomed
// connection. Takes message over.
void broker_send(struct broker *broker, json_t *message);

// As broker_send, but to link itself and without an epoch.
void broker_send_link(struct broker *broker, json_t *message);

// Has the queue looked at when this callback is over.
void broker_wake(struct broker *broker);

// A timer; ms 0 makes it without arming it. Runs out of memory by aborting.
struct event *broker_timer(struct broker *broker, int64_t ms, event_callback_fn callback);
void broker_arm(struct event *timer, int64_t ms);

// broker_task.c
void broker_task_message(struct broker *broker, json_t *message);
void broker_task_cancel(struct broker *broker, json_t *message);
void broker_task_confirm(struct broker *broker, json_t *message);
void broker_task_resume(struct broker *broker); // at start: what the journal left open
void broker_task_repeat(struct broker *broker); // after a welcome: results and progress
void broker_task_schedule(struct broker *broker); // starts what can be started
void broker_task_internal(struct broker *broker, const struct task_kind *kind, const char *vps,
                          json_t *spec, int64_t generation);
// The worker of a job has ended; result is its last line, or NULL if it died without one.
void broker_task_ended(struct broker *broker, struct job *job, json_t *result, bool timed_out);
void broker_task_retry_settle(struct broker *broker); // results that the journal did not take
void broker_task_fail(struct broker *broker, struct job *job); // with job->error, without a worker
void broker_task_take_back(struct broker *broker,
                           struct job *job); // with job->error, behind an undo
void broker_task_settle(struct broker *broker, struct job *job, json_t *result);

// broker_image.c: true when the job may start now; else it waits in JOB_FETCHING.
bool broker_image_ready(struct broker *broker, struct job *job);
void broker_image_fetched(struct broker *broker, json_t *message);

// broker_upload.c: a worker's result that is not the task's until link has uploaded what was packed; true: it holds one.
bool broker_upload_holds(struct broker *broker, struct job *job, json_t *result);
void broker_upload(struct broker *broker, struct job *job); // has link do it (again)
void broker_upload_ended(struct broker *broker, json_t *message);
void broker_upload_tidy(struct broker *broker); // at start: what no order has packed

// broker_worker.c
int worker_process_start(struct broker *broker, struct job *job, struct err *err) _must_check_;
void worker_process_kill(const struct job *job); // its end is told as any other
void broker_worker_reap(struct broker *broker); // on SIGCHLD
void broker_worker_abandon(struct broker *broker); // at the end: they die with us (PDEATHSIG)

// broker_observe.c
void broker_observe_start(struct broker *broker);
void broker_observe_all(struct broker *broker); // looks at every vps that no task is at work on
// Sends the whole inventory. Fresh: what the server rests from trying gets a new chance, as after a new connection.
enum inventory_kind { INVENTORY_REPEATED, INVENTORY_FRESH };
void broker_observe_send(struct broker *broker, enum inventory_kind kind);
json_t *broker_observe_inventory(struct broker *broker); // entries of all vps
// A worker of this vps has ended: reads its record again and looks.
void broker_vps_changed(struct broker *broker, const char *vps);

// broker_console.c: terminals of guests, a process each.
void broker_console_start(struct broker *broker);
void broker_console_open(struct broker *broker, json_t *message);
void broker_console_close(struct broker *broker, json_t *message);
void broker_console_reaped(struct broker *broker, pid_t pid); // some child; perhaps none of its own
void broker_console_finish(struct broker *broker);

// broker_disk.c: something failed with this code; if it is for a full state disk, that is watched from now on.
void broker_disk_failed(struct broker *broker, enum err_code code);

// broker_check.c
void broker_check_start(struct broker *broker);
void broker_connections_counted(struct broker *broker, const json_t *counts);
void broker_check_ended(struct broker *broker, const json_t *result);
void broker_drift_clean(struct broker *broker, json_t *message);

// broker_usage.c
void broker_usage_start(struct broker *broker);
void broker_usage_welcome(struct broker *broker);
void broker_usage_ack(struct broker *broker, json_t *message);
void broker_usage_final(struct broker *broker, const char *vps); // before a stop or a delete
void broker_usage_collect(struct broker *broker); // what guests that ended have left

// broker_evidence.c
void broker_evidence_open(struct broker *broker); // what was seen before
void broker_evidence_start(struct broker *broker);
void broker_evidence_report(struct broker *broker); // of every guest that runs
void broker_evidence_finish(struct broker *broker);
void broker_log_request(struct broker *broker, json_t *message);

// broker_node.c
void broker_node_hello(struct broker *broker);
void broker_node_start(struct broker *broker, int64_t heartbeat_s);
void broker_node_open(struct broker *broker); // makes pool and network ready; then opened()
void broker_node_opened(struct broker *broker, bool done);
void broker_node_booted(struct broker *broker); // a start after a reboot has ended
