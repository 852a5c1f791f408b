#include "revocation.h"

#include "macro.h"
#include "uuid.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

// Notices are kept for as long as a request may take from its authentication to its watch; older ones make room.
enum { RECENT_MAX = 256, KIND_MAX = 8, NOTICE_MAX = KIND_MAX + 1 + UUID_LEN + 1 };

enum who { WHO_TOKEN, WHO_SESSION, WHO_USER, WHO_TENANT, WHO_VPS, WHO_COUNT };

static const char *const kinds[WHO_COUNT] = {"token", "session", "user", "tenant", "vps"};

TAILQ_HEAD(revocation_list, revocation);

struct revocation {
    TAILQ_ENTRY(revocation) link;
    struct revocations *of;
    struct revocation_list *in; // the list it is on
    char ids[WHO_COUNT][UUID_LEN + 1]; // empty: none
    revocation_cut *cut;
    enum revocation_cause cause; // once it is about to be told
    void *arg;
    struct event *expiry; // NULL: does not expire
};

struct recent {
    char notice[NOTICE_MAX];
    int64_t at_ms;
};

struct revocations {
    struct event_base *base;
    struct event *tell;
    // Watching, about to be told, told. Few are told at a time, many watch: moving one costs nothing.
    struct revocation_list watching, due, told;
    struct recent recent[RECENT_MAX]; // a ring
    size_t next;
    int64_t unknown_ms; // of this time and before, notices may be missing from the ring
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void move(struct revocation *watch, struct revocation_list *to)
{
    TAILQ_REMOVE(watch->in, watch, link);
    TAILQ_INSERT_TAIL(to, watch, link);
    watch->in = to;
}

// ---- Telling

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct revocations *revocations = arg;
    struct revocation *watch;
    while ((watch = TAILQ_FIRST(&revocations->due))) {
        move(watch, &revocations->told);
        watch->cut(watch->cause, watch->arg); // ends it, and perhaps others
    }
}

static void schedule(struct revocation *watch, enum revocation_cause cause)
{
    if (watch->in == &watch->of->watching) {
        watch->cause = cause;
        move(watch, &watch->of->due);
        event_active(watch->of->tell, EV_TIMEOUT, 0);
    }
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
    schedule(arg, REVOCATION_EXPIRED);
}

static bool is_about(const char *notice, const struct revocation *watch)
{
    for (int i = 0; i < WHO_COUNT; i++) {
        size_t len = strlen(kinds[i]);
        if (watch->ids[i][0] && strncmp(notice, kinds[i], len) == 0 && notice[len] == ':' &&
            strcmp(notice + len + 1, watch->ids[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void remember(struct revocations *revocations, const char *notice, int64_t at_ms)
{
    struct recent *recent = &revocations->recent[revocations->next++ % RECENT_MAX];
    if (recent->notice[0]) {
        revocations->unknown_ms = recent->at_ms;
    }
    snprintf(recent->notice, sizeof(recent->notice), "%s", notice);
    recent->at_ms = at_ms;
}

void revocations_notice(struct revocations *revocations, const char *notice, int64_t at_ms)
{
    if (notice) {
        remember(revocations, notice, at_ms);
    } else {
        revocations->unknown_ms = at_ms;
    }
    struct revocation *watch = TAILQ_FIRST(&revocations->watching);
    while (watch) {
        struct revocation *next = TAILQ_NEXT(watch, link);
        if (!notice || is_about(notice, watch)) {
            schedule(watch, notice ? REVOCATION_SAID : REVOCATION_UNSURE);
        }
        watch = next;
    }
}

static void on_notify(const char *channel, const char *payload, void *arg)
{
    revocations_notice(arg, payload, now_ms());
}

// ---- Watching

// Whether it is to be cut for what came since: said, perhaps missed, or not at all.
static bool was_missed(const struct revocation *watch, int64_t since_ms,
                       enum revocation_cause *ret_cause)
{
    const struct revocations *revocations = watch->of;
    for (size_t i = 0; i < RECENT_MAX; i++) {
        const struct recent *recent = &revocations->recent[i];
        if (recent->notice[0] && recent->at_ms >= since_ms && is_about(recent->notice, watch)) {
            *ret_cause = REVOCATION_SAID;
            return true;
        }
    }
    *ret_cause = REVOCATION_UNSURE;
    return revocations->unknown_ms >= since_ms;
}

static void set_expiry(struct revocation *watch, int valid_s)
{
    if (valid_s > 0) {
        struct timeval tv = {valid_s, 0};
        watch->expiry = evtimer_new(watch->of->base, on_expiry, watch);
        evtimer_add(watch->expiry, &tv);
    }
}

struct revocation *revocation_watch(struct revocations *revocations,
                                    const struct revocation_who *who, int64_t since_ms,
                                    revocation_cut *cut, void *arg)
{
    const char *const ids[WHO_COUNT] = {who->token, who->session, who->user, who->tenant, who->vps};
    struct revocation *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        abort();
    }
    watch->of = revocations;
    watch->in = &revocations->watching;
    watch->cut = cut;
    watch->arg = arg;
    for (int i = 0; i < WHO_COUNT; i++) {
        snprintf(watch->ids[i], sizeof(watch->ids[i]), "%s", ids[i] ? ids[i] : "");
    }
    TAILQ_INSERT_TAIL(&revocations->watching, watch, link);
    set_expiry(watch, who->valid_s);
    enum revocation_cause cause;
    if (was_missed(watch, since_ms, &cause)) {
        schedule(watch, cause);
    }
    return watch;
}

void revocation_end(struct revocation *watch)
{
    if (!watch) {
        return;
    }
    if (watch->expiry) {
        event_free(watch->expiry);
    }
    TAILQ_REMOVE(watch->in, watch, link);
    free(watch);
}

struct revocations *revocations_create(struct event_base *base)
{
    struct revocations *revocations = calloc(1, sizeof(*revocations));
    if (!revocations) {
        abort();
    }
    revocations->base = base;
    revocations->unknown_ms = -1;
    revocations->tell = evtimer_new(base, on_tell, revocations);
    TAILQ_INIT(&revocations->watching);
    TAILQ_INIT(&revocations->due);
    TAILQ_INIT(&revocations->told);
    return revocations;
}

void revocations_listen(struct revocations *revocations, struct db *db)
{
    db_listen(db, "croft_revoked", on_notify, revocations);
}

void revocations_destroy(struct revocations *revocations)
{
    if (revocations) {
        event_free(revocations->tell);
        free(revocations);
    }
}
