#include "worker.h"

#include "api.h"
#include "console.h"
#include "db.h"
#include "housekeeping.h"
#include "hub.h"
#include "image_sweep.h"
#include "limiter.h"
#include "log.h"
#include "macro.h"
#include "mailer.h"
#include "rdns.h"
#include "secret_box.h"
#include "webhooks.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RUN_FAILED = 1, DRAIN_PARTS = 4 };

struct worker {
    struct event_base *base;
    const struct server_config *config;
    struct db *db;
    struct limits *limits;
    struct secret_box *secrets;
    struct api *api;
    struct consoles *consoles;
    struct hub *hub;
    struct housekeeping *housekeeping;
    int index; // among those of this machine
    struct image_sweep *image_sweep; // of the first worker of a machine
    struct webhooks *webhooks;
    struct mailer *mailer;
    struct rdns *rdns;
    struct event *on_term, *on_int, *drain_timer;
    int draining; // parts that have not drained yet; 0: not draining or all done
    bool stopping;
};

static void part_drained(void *arg)
{
    struct worker *worker = arg;
    if (--worker->draining == 0) {
        event_base_loopbreak(worker->base);
    }
}

static void on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    log_warn("drain_timeout", "drain_s=%lld", (long long)worker->config->timing.drain_s);
    event_base_loopbreak(worker->base);
}

// Lets open requests end; a second signal ends at once.
static void on_stop(evutil_socket_t signal, short what, void *arg)
{
    struct worker *worker = arg;
    if (worker->stopping) {
        event_base_loopbreak(worker->base);
        return;
    }
    worker->stopping = true;
    worker->draining = DRAIN_PARTS;
    log_info("worker_draining", "drain_s=%lld", (long long)worker->config->timing.drain_s);
    struct timeval tv = {worker->config->timing.drain_s, 0};
    evtimer_add(worker->drain_timer, &tv);
    housekeeping_stop(STEAL(worker->housekeeping));
    image_sweep_stop(STEAL(worker->image_sweep));
    mailer_stop(STEAL(worker->mailer));
    rdns_stop(STEAL(worker->rdns));
    api_drain(worker->api, part_drained, worker);
    consoles_drain(worker->consoles, part_drained, worker);
    hub_drain(worker->hub, part_drained, worker);
    webhooks_drain(worker->webhooks, part_drained, worker);
}

static size_t count_links(void *arg)
{
    const struct worker *worker = arg;
    return worker->hub ? hub_link_count(worker->hub) : 0;
}

// A worker without a port for them does all else.
static void serve_consoles(struct worker *worker)
{
    struct err err = {0};
    if (hub_serve_consoles(worker->hub, worker->consoles, &err) < 0) {
        log_warn("consoles_off", "error=%s", LOGQ(err.text));
    }
}

static int start(struct worker *worker, const struct worker_given *given, struct err *err)
{
    const struct server_config *config = worker->config;
    worker->db = db_create(worker->base, &(struct db_config){
                                             .conninfo = config->database.server,
                                             .connections = (int)config->database.connections,
                                             .queue_max = (int)config->database.queue,
                                         });
    int r = limits_open(given->limits_fd, &worker->limits, err);
    if (r == 0) {
        r = secret_box_load(config->secrets.key_file, &worker->secrets, err);
    }
    if (r < 0) {
        return r;
    }
    r = hub_create(worker->base, worker->db, config, worker->limits, given->agents_socket,
                   &worker->hub, err);
    if (r < 0) {
        return err_wrap(err, "agent listener");
    }
    worker->consoles = consoles_create(worker->base, worker->db, config);
    serve_consoles(worker);
    struct api_parts parts = {.socket = given->api_socket,
                              .limits = worker->limits,
                              .secrets = worker->secrets,
                              .consoles = worker->consoles,
                              .gauges = {.links = count_links, .arg = worker}};
    r = api_create(worker->base, worker->db, config, &parts, &worker->api, err);
    if (r < 0) {
        return err_wrap(err, "API listener");
    }
    r = mailer_start(worker->base, worker->db, config, &worker->mailer, err);
    if (r < 0) {
        return err_wrap(err, "mail");
    }
    worker->housekeeping = housekeeping_start(worker->base, worker->db, config);
    if (worker->index == 0) {
        worker->image_sweep = image_sweep_start(worker->base, worker->db, config);
    }
    worker->rdns = rdns_start(worker->base, worker->db, config);
    worker->webhooks = webhooks_start(worker->base, worker->db, config, worker->secrets);
    worker->on_term = evsignal_new(worker->base, SIGTERM, on_stop, worker);
    worker->on_int = evsignal_new(worker->base, SIGINT, on_stop, worker);
    worker->drain_timer = evtimer_new(worker->base, on_drain_timeout, worker);
    evsignal_add(worker->on_term, NULL);
    evsignal_add(worker->on_int, NULL);
    return 0;
}

static void free_event(struct event *event)
{
    if (event) {
        event_free(event);
    }
}

static void finish(struct worker *worker)
{
    housekeeping_stop(worker->housekeeping);
    image_sweep_stop(worker->image_sweep);
    webhooks_stop(worker->webhooks);
    mailer_stop(worker->mailer);
    rdns_stop(worker->rdns);
    consoles_destroy(worker->consoles); // its watches are of the API's
    api_destroy(worker->api);
    if (worker->hub) {
        hub_destroy(worker->hub);
    }
    limits_close(worker->limits);
    secret_box_destroy(worker->secrets);
    db_destroy(worker->db);
    free_event(worker->on_term);
    free_event(worker->on_int);
    free_event(worker->drain_timer);
    event_base_loop(worker->base, EVLOOP_NONBLOCK); // what was parked is freed
    event_base_free(worker->base);
    libevent_global_shutdown();
}

// Sockets are what a worker is made of.
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void say_ready(int ready_fd)
{
    if (ready_fd >= 0) {
        if (write(ready_fd, "", 1) < 0) {
            log_warn("worker_ready", "error=%s",
                     LOGQ(strerrordesc_np(errno))); // the master died, and we are told so
        }
        close(ready_fd);
    }
}

int worker_run(struct server_config *config, const struct worker_given *given)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); // the master replaces us instead
    raise_file_limit();
    struct worker worker = {.config = config, .index = given->index};
    struct err err = {0};
    if (sodium_init() < 0) {
        log_error("worker_failed", "error=\"libsodium does not start\"");
        return RUN_FAILED;
    }
    worker.base = event_base_new();
    int r = start(&worker, given, &err);
    if (r < 0) {
        log_error("worker_failed", "index=%d error=%s", worker.index, LOGQ(err.text));
    } else {
        log_info("worker_started", "index=%d api=%s agents=%s", worker.index, config->api.listen,
                 config->agents.listen);
        say_ready(given->ready_fd);
        event_base_dispatch(worker.base);
        log_info("worker_stopped", "index=%d", worker.index);
    }
    finish(&worker);
    return r < 0 ? RUN_FAILED : 0;
}
