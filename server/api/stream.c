#include "stream.h"

#include "api_private.h"
#include "macro.h"
#include "reply.h"
#include "revocation.h"
#include "uuid.h"

#include <string.h>
#include <sys/queue.h>

// A client that has this much waiting for it is given no more; what it holds at most is that and a page.
enum { HEARTBEAT_S = 15, COALESCE_MS = 10, CONGESTED = 65536, PAGE = 200, READ_MS = 10000 };
enum { RETRY_MIN_MS = 50, RETRY_MAX_MS = 2000, RECONNECT_MS = 2000, ID_DIGITS = 15 };

TAILQ_HEAD(stream_list, stream);

// Streams that see the same: one tenant's, by those who manage it or by others; or the operators'.
struct feed {
    LIST_ENTRY(feed) link;
    struct streams *streams;
    char key[UUID_LEN + 3];
    struct stream_list list;
    struct stream *carrier; // whose credentials the read under way has
    struct db_query *query;
    int64_t after; // of the read under way
    struct event *timer; // the next read
    int retry_ms;
};

struct stream {
    TAILQ_ENTRY(stream) link;
    struct feed *feed;
    struct request *request;
    struct db_step auth;
    int64_t position;
    bool wants; // there may be more behind its position
    bool ending;
    enum stream_end end;
    struct revocation *watch;
    struct seat_hold seat;
};

struct streams {
    struct streams_config config;
    LIST_HEAD(, feed) feeds;
    int count;
    bool drained;
    struct event *heartbeat, *reap;
};

static void feed_schedule(struct feed *feed, int ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    if (!feed->query && !evtimer_pending(feed->timer, NULL)) {
        evtimer_add(feed->timer, &tv);
    }
}

// ---- Text

int stream_read_id(const char *text, int64_t *ret_id, struct err *err)
{
    size_t len = strlen(text);
    if (len < 1 || len > ID_DIGITS || strspn(text, "0123456789") != len) {
        return err_set(err, ERR_INVALID, "Last-Event-ID is the id of an event: digits.");
    }
    *ret_id = strtoll(text, NULL, 10);
    return 0;
}

void stream_print(struct evbuffer *to, const char *id, const char *body)
{
    evbuffer_add_printf(to, "id: %s\n", id);
    while (*body) { // the body of an event is one line; a message may have several all the same
        size_t line = strcspn(body, "\r\n");
        evbuffer_add(to, "data: ", 6);
        evbuffer_add(to, body, line);
        evbuffer_add(to, "\n", 1);
        body += line + (body[line] != '\0');
    }
    evbuffer_add(to, "\n", 1);
}

static void send_text(struct stream *stream, struct evbuffer *text)
{
    size_t len = evbuffer_get_length(text);
    if (len > 0) {
        edge_stream_send(stream->request->edge, (const char *)evbuffer_pullup(text, -1), len);
    }
    evbuffer_drain(text, len);
}

// ---- Ends: never in the turn in which they are noticed, which may be inside of the connection's callbacks

static void end_later(struct stream *stream, enum stream_end end)
{
    if (!stream->ending) {
        stream->ending = true;
        stream->end = end;
        event_active(stream->feed->streams->reap, EV_TIMEOUT, 0);
    }
}

static void end_now(struct stream *stream)
{
    static const char *const reasons[] = {
        [STREAM_LEFT] = "left", [STREAM_REVOKED] = "revoked", [STREAM_DRAIN] = "drain"};
    static const char farewell[] = ": the server starts anew\nretry: 500\n\n";
    if (stream->end == STREAM_DRAIN) {
        edge_stream_send(stream->request->edge, farewell, strlen(farewell));
    }
    reply_stream_end(stream->request, reasons[stream->end]); // destroys it
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct streams *streams = arg;
    struct feed *feed = LIST_FIRST(&streams->feeds);
    while (feed) {
        struct feed *next_feed = LIST_NEXT(feed, link);
        struct stream *stream = TAILQ_FIRST(&feed->list);
        while (stream) { // the last one takes its feed along
            struct stream *next = TAILQ_NEXT(stream, link);
            if (stream->ending) {
                end_now(stream);
            }
            stream = next;
        }
        feed = next_feed;
    }
}

void stream_gone(struct stream *stream)
{
    end_later(stream, STREAM_LEFT);
}

static void on_cut(enum revocation_cause cause, void *arg)
{
    end_later(arg, STREAM_REVOKED);
}

void streams_end_all(struct streams *streams)
{
    streams->drained = true;
    struct feed *feed;
    struct stream *stream;
    LIST_FOREACH (feed, &streams->feeds, link) {
        TAILQ_FOREACH (stream, &feed->list, link) {
            end_later(stream, STREAM_DRAIN);
        }
    }
}

// ---- Reading

// Whether the client asked for events like this one: each filter is a column of that name.
static bool is_asked_for(const struct stream *stream, const struct db_rows *rows, int row)
{
    static const char *const filters[] = {"action", "subject_type", "subject_id", "tenant_id"};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        const char *want = json_string_value(json_object_get(stream->request->query, filters[i]));
        const char *have = want ? db_rows_get(rows, row, filters[i]) : NULL;
        if (want && (!have || strcmp(want, have) != 0)) {
            return false;
        }
    }
    return true;
}

static void deliver(struct stream *stream, const struct db_rows *rows)
{
    struct evbuffer *text = evbuffer_new();
    for (int i = 0; i < db_rows_count(rows); i++) {
        const char *id = db_rows_get(rows, i, "id");
        if (id) {
            stream->position = strtoll(id, NULL, 10);
            if (is_asked_for(stream, rows, i)) {
                stream_print(text, id, db_rows_get(rows, i, "body"));
            }
        }
    }
    send_text(stream, text);
    evbuffer_free(text);
}

static bool has_room(const struct stream *stream)
{
    return edge_stream_waiting(stream->request->edge) < CONGESTED;
}

// Who has no room stays where it is, and reads on its own when it has.
static void take_rows(struct feed *feed, const struct db_rows *rows)
{
    const char *pending = db_rows_get(rows, 0, "pending");
    bool full = db_rows_count(rows) >= PAGE;
    bool more = full || (pending && *pending == 't');
    struct stream *stream;
    TAILQ_FOREACH (stream, &feed->list, link) {
        if (stream->wants && stream->position == feed->after && has_room(stream)) {
            deliver(stream, rows);
            stream->wants = more;
        }
    }
    if (db_rows_get(rows, 0, "id")) {
        feed->retry_ms = RETRY_MIN_MS;
    } else if (feed->retry_ms < RETRY_MAX_MS) {
        feed->retry_ms *= 2;
    }
    feed_schedule(feed, full || !more ? 0 : feed->retry_ms);
}

static void on_read(const struct db_outcome *outcome, void *arg)
{
    struct feed *feed = arg;
    struct stream *carrier = STEAL(feed->carrier);
    feed->query = NULL;
    if (!outcome->err) {
        // Whoever is behind, or slow, has its turn after the others.
        TAILQ_REMOVE(&feed->list, carrier, link);
        TAILQ_INSERT_TAIL(&feed->list, carrier, link);
        take_rows(feed, outcome->rows);
        return;
    }
    enum err_code code = outcome->err->code;
    if (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_INTERNAL) {
        feed_schedule(feed, RETRY_MAX_MS);
    } else {
        end_later(carrier, STREAM_REVOKED);
        feed_schedule(feed, 0);
    }
}

// The next stream that wants more and has room for it; *ret_wait: one wants more and has none.
static struct stream *next_reader(struct feed *feed, bool *ret_wait)
{
    struct stream *stream;
    *ret_wait = false;
    TAILQ_FOREACH (stream, &feed->list, link) {
        if (!stream->wants || stream->ending) {
            continue;
        }
        if (has_room(stream)) {
            return stream;
        }
        *ret_wait = true;
    }
    return NULL;
}

static void on_feed_timer(evutil_socket_t fd, short what, void *arg)
{
    struct feed *feed = arg;
    bool wait;
    struct stream *stream = next_reader(feed, &wait);
    if (!stream) {
        if (wait) {
            feed_schedule(feed, RETRY_MIN_MS);
        }
        return;
    }
    char input[48];
    snprintf(input, sizeof(input), "{\"after\":%lld}", (long long)stream->position);
    struct db_request request = {.steps = {stream->auth,
                                           {.sql = stream->request->sql,
                                            .role = auth_role(stream->request),
                                            .param_count = 1,
                                            .params = {input}}},
                                 .step_count = 2,
                                 .deadline_ms = READ_MS};
    feed->after = stream->position;
    feed->carrier = stream;
    struct err err;
    if (db_run(feed->streams->config.db, &request, on_read, feed, &feed->query, &err) < 0) {
        feed->query = NULL;
        feed->carrier = NULL;
        feed_schedule(feed, RETRY_MAX_MS);
    }
}

static void wake(struct feed *feed)
{
    struct stream *stream;
    TAILQ_FOREACH (stream, &feed->list, link) {
        stream->wants = true;
    }
    feed->retry_ms = RETRY_MIN_MS;
    feed_schedule(feed, COALESCE_MS);
}

// payload: the tenant's id; empty for what belongs to none. The operators' feed sees all.
static void on_notify(const char *channel, const char *payload, void *arg)
{
    struct streams *streams = arg;
    struct feed *feed;
    LIST_FOREACH (feed, &streams->feeds, link) {
        if (!payload || feed->key[0] == '*' ||
            (payload[0] && strncmp(feed->key + 1, payload, strlen(payload)) == 0)) {
            wake(feed);
        }
    }
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct streams *streams = arg;
    struct feed *feed;
    struct stream *stream;
    int64_t now_ms = api_now_us() / 1000;
    LIST_FOREACH (feed, &streams->feeds, link) {
        TAILQ_FOREACH (stream, &feed->list, link) {
            seats_keep(streams->config.limits, &stream->seat, now_ms);
            if (!stream->ending && edge_stream_waiting(stream->request->edge) == 0) {
                edge_stream_send(stream->request->edge, ":\n\n", 3);
            }
        }
    }
}

// ---- Life

// What a stream may see: its tenant, and whether as one who manages it.
static void feed_key(const struct stream_start *start, char *out, size_t size)
{
    const char *role = db_rows_get(start->entered, 0, "role");
    const char *tenant = db_rows_get(start->entered, 0, "tenant_id");
    bool manages = role && (strcmp(role, "owner") == 0 || strcmp(role, "admin") == 0);
    if (start->request->route->auth == AUTH_OPERATOR) {
        snprintf(out, size, "*");
    } else {
        snprintf(out, size, "%c%s", manages ? 'm' : 'o', tenant ? tenant : "");
    }
}

static struct feed *feed_of(struct streams *streams, const char *key)
{
    struct feed *feed;
    LIST_FOREACH (feed, &streams->feeds, link) {
        if (strcmp(feed->key, key) == 0) {
            return feed;
        }
    }
    feed = calloc(1, sizeof(*feed));
    feed->streams = streams;
    snprintf(feed->key, sizeof(feed->key), "%s", key);
    TAILQ_INIT(&feed->list);
    feed->timer = evtimer_new(streams->config.base, on_feed_timer, feed);
    feed->retry_ms = RETRY_MIN_MS;
    LIST_INSERT_HEAD(&streams->feeds, feed, link);
    return feed;
}

static void feed_destroy(struct feed *feed)
{
    LIST_REMOVE(feed, link);
    event_free(feed->timer);
    free(feed);
}

struct stream *stream_begin(struct streams *streams, const struct stream_start *start)
{
    char key[UUID_LEN + 3];
    struct revocation_who who;
    feed_key(start, key, sizeof(key));
    auth_who(start->entered, &who);
    struct stream *stream = calloc(1, sizeof(*stream));
    stream->request = start->request;
    stream->auth = start->auth;
    stream->seat = start->seat;
    stream->position = start->position;
    stream->wants = true; // something may have come since its place was found
    stream->feed = feed_of(streams, key);
    stream->watch = revocation_watch(streams->config.revocations, &who,
                                     start->request->started_us / 1000, on_cut, stream);
    TAILQ_INSERT_TAIL(&stream->feed->list, stream, link);
    streams->count++;
    struct evbuffer *text = evbuffer_new();
    evbuffer_add_printf(text, "retry: %d\nid: %lld\n\n", RECONNECT_MS, (long long)start->position);
    send_text(stream, text);
    evbuffer_free(text);
    if (streams->drained) {
        end_later(stream, STREAM_DRAIN);
    }
    feed_schedule(stream->feed, 0);
    return stream;
}

void stream_destroy(struct stream *stream)
{
    struct feed *feed = stream->feed;
    edge_stream_forget(stream->request->edge);
    revocation_end(stream->watch);
    seats_leave(feed->streams->config.limits, &stream->seat);
    TAILQ_REMOVE(&feed->list, stream, link);
    feed->streams->count--;
    if (feed->carrier == stream) {
        db_cancel(STEAL(feed->query));
        feed->carrier = NULL;
        feed_schedule(feed, 0);
    }
    if (TAILQ_EMPTY(&feed->list)) {
        feed_destroy(feed);
    }
    free(stream);
}

int streams_admit(const struct streams *streams, struct err *err)
{
    if (streams->count >= streams->config.max || streams->drained) {
        return err_set(err, ERR_UNAVAILABLE, "There is no room for another stream: try again.");
    }
    return 0;
}

int streams_sit(const struct streams *streams, const struct credentials *credentials,
                const struct db_rows *entered, struct seat_hold *ret_seat, struct err *err)
{
    const struct seat_ask ask = {
        .credential = credentials->key,
        .tenant = db_rows_get(entered, 0, "tenant_id"),
        .per_credential = streams->config.max_per_credential,
        .per_tenant = streams->config.max_per_tenant,
    };
    return seats_take(streams->config.limits, &ask, api_now_us() / 1000, ret_seat, err);
}

struct streams *streams_create(const struct streams_config *config)
{
    static const struct timeval period = {HEARTBEAT_S, 0};
    struct streams *streams = calloc(1, sizeof(*streams));
    streams->config = *config;
    LIST_INIT(&streams->feeds);
    streams->reap = evtimer_new(config->base, on_reap, streams);
    streams->heartbeat = event_new(config->base, -1, EV_PERSIST, on_heartbeat, streams);
    evtimer_add(streams->heartbeat, &period);
    return streams;
}

void streams_listen(struct streams *streams)
{
    db_listen(streams->config.db, "croft_event", on_notify, streams);
}

void streams_destroy(struct streams *streams)
{
    if (streams) {
        event_free(streams->heartbeat);
        event_free(streams->reap);
        free(streams);
    }
}

int streams_count(const struct streams *streams)
{
    return streams->count;
}
