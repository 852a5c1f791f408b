#include "spool.h"

#include "file.h"
#include "json.h"
#include "meter.h"
#include "record.h"
#include "uuid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>

// A folder of segments <number>.seg. Each begins with {"state":[…meters], "last":n}, so that older ones
// can go; then {"batch":n,"samples":[…],"meters":[…]}, {"ack":n} and {"forget":"<vps>"} follow. A new
// segment is begun at each start: what a crash tore is never appended to.

enum {
    SEGMENT_BYTES_MAX = RECORD_MAX,
    BATCH_SAMPLES_MAX = 300, // with their points keeps a message below 1 MiB
    SEGMENTS_OF_A_FULL_SPOOL = 4,
    NAME_FORMAT_LEN = 20, // 16 digits and ".seg"
};

struct segment {
    TAILQ_ENTRY(segment) link;
    int64_t number;
    int fd;
    off_t size;
};

struct batch {
    TAILQ_ENTRY(batch) link;
    int64_t number;
    struct segment *segment;
    off_t offset; // of the record's text
    size_t len;
};

TAILQ_HEAD(segment_list, segment);
TAILQ_HEAD(batch_list, batch);

struct spool {
    char dir[PATH_MAX];
    char boot[UUID_LEN + 1]; // of the node, "" until it is told
    int64_t max_bytes, bytes;
    int64_t last_batch, dropped;
    struct meters *meters;
    struct segment_list segments; // oldest first; the last is the one written to
    struct batch_list batches; // unacknowledged, oldest first
    bool writable; // the last segment was begun by this process
};

static void segment_path(const struct spool *spool, int64_t number, char path[PATH_MAX + 32])
{
    snprintf(path, PATH_MAX + 32, "%s/%016" PRId64 ".seg", spool->dir, number);
}

static void drop_batch(struct spool *spool, struct batch *batch)
{
    TAILQ_REMOVE(&spool->batches, batch, link);
    free(batch);
}

static void drop_segment(struct spool *spool, struct segment *segment)
{
    char path[PATH_MAX + 32];
    segment_path(spool, segment->number, path);
    unlink(path);
    for (struct batch *batch = TAILQ_FIRST(&spool->batches); batch;) {
        struct batch *next = TAILQ_NEXT(batch, link);
        if (batch->segment == segment) {
            drop_batch(spool, batch);
            spool->dropped++;
        }
        batch = next;
    }
    spool->bytes -= segment->size;
    TAILQ_REMOVE(&spool->segments, segment, link);
    close(segment->fd);
    free(segment);
}

// Segments are dropped oldest first: an acknowledgement stands in a later one than its batch.
static void drop_finished(struct spool *spool)
{
    struct segment *oldest;
    while ((oldest = TAILQ_FIRST(&spool->segments)) && TAILQ_NEXT(oldest, link)) {
        const struct batch *first = TAILQ_FIRST(&spool->batches);
        if (first && first->segment == oldest) {
            return;
        }
        drop_segment(spool, oldest);
    }
}

static int64_t segment_bytes_max(const struct spool *spool)
{
    int64_t part = spool->max_bytes / SEGMENTS_OF_A_FULL_SPOOL;
    return part < SEGMENT_BYTES_MAX ? part : SEGMENT_BYTES_MAX;
}

static struct segment *add_segment(struct spool *spool, int64_t number, int fd, off_t size)
{
    struct segment *segment = calloc(1, sizeof(*segment));
    if (!segment) {
        abort();
    }
    *segment = (struct segment){.number = number, .fd = fd, .size = size};
    TAILQ_INSERT_TAIL(&spool->segments, segment, link);
    spool->bytes += size;
    return segment;
}

static struct batch *add_batch(struct spool *spool, int64_t number, struct segment *segment)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch) {
        abort();
    }
    batch->number = number;
    batch->segment = segment;
    TAILQ_INSERT_TAIL(&spool->batches, batch, link);
    return batch;
}

static int append(struct spool *spool, struct segment *segment, const json_t *record,
                  size_t *ret_len, struct err *err)
{
    if (ftruncate(segment->fd, segment->size) < 0 ||
        lseek(segment->fd, segment->size, SEEK_SET) < 0) {
        return err_errno(err, errno, "truncating the spool");
    }
    _cleanup_free_ char *text = json_write(record);
    *ret_len = strlen(text);
    int r = record_append(segment->fd, text, *ret_len, err);
    if (r < 0) {
        return err_wrap(err, "spool");
    }
    segment->size += (off_t)(RECORD_HEADER + *ret_len);
    spool->bytes += (int64_t)(RECORD_HEADER + *ret_len);
    return 0;
}

static int begin_segment(struct spool *spool, struct err *err)
{
    const struct segment *last = TAILQ_LAST(&spool->segments, segment_list);
    int64_t number = last ? last->number + 1 : 1;
    char path[PATH_MAX + 32];
    segment_path(spool, number, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "making %s", path);
    }
    struct segment *segment = add_segment(spool, number, fd, 0);
    _cleanup_json_ json_t *record = json_pack("{s:o, s:I}", "state", meters_save(spool->meters),
                                              "last", (json_int_t)spool->last_batch);
    size_t len;
    int r = append(spool, segment, record, &len, err);
    if (r == 0 && fdatasync(fd) < 0) {
        r = err_errno(err, errno, "syncing %s", path);
    }
    if (r == 0) {
        r = file_sync_dir(path, err);
    }
    if (r < 0) {
        drop_segment(spool, segment);
        return r;
    }
    spool->writable = true;
    drop_finished(spool);
    return 0;
}

static void apply_ack(struct spool *spool, int64_t number)
{
    struct batch *batch;
    TAILQ_FOREACH (batch, &spool->batches, link) {
        if (batch->number == number) {
            drop_batch(spool, batch);
            return;
        }
    }
}

static void apply(struct spool *spool, struct segment *segment, const char *text, size_t len,
                  size_t text_offset)
{
    _cleanup_json_ json_t *record = NULL;
    if (json_read(text, len, JSON_DEPTH_MAX, &record, NULL) < 0) {
        return;
    }
    const json_t *state = json_object_get(record, "state");
    int64_t number = json_get_int(record, "batch", 0);
    int64_t last = json_get_int(record, "last", number);
    const char *forgotten = json_get_string(record, "forget", NULL);
    spool->last_batch = last > spool->last_batch ? last : spool->last_batch;
    meters_restore(spool->meters, state ? state : json_object_get(record, "meters"));
    if (number > 0) {
        struct batch *batch = add_batch(spool, number, segment);
        batch->offset = (off_t)text_offset;
        batch->len = len;
    }
    if (forgotten) {
        meters_forget(spool->meters, forgotten);
    }
    apply_ack(spool, json_get_int(record, "ack", 0));
}

static int replay_segment(struct spool *spool, const char *name, struct err *err)
{
    char path[PATH_MAX + 32];
    int64_t number = strtoll(name, NULL, 10);
    segment_path(spool, number, path);
    _cleanup_free_ char *data = NULL;
    size_t len = 0;
    int r = file_read(path, 2 * SEGMENT_BYTES_MAX + 2 * RECORD_HEADER, &data, &len, err);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    struct segment *segment = add_segment(spool, number, fd, (off_t)len);
    size_t offset = 0;
    const char *text;
    size_t text_len;
    while (record_next((const uint8_t *)data, len, &offset, &text, &text_len)) {
        apply(spool, segment, text, text_len, offset - text_len);
    }
    return 0;
}

static int is_segment(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return strlen(name) == NAME_FORMAT_LEN && strspn(name, "0123456789") == 16 &&
           strcmp(name + 16, ".seg") == 0;
}

static int replay(struct spool *spool, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(spool->dir, &names, is_segment, alphasort);
    if (count < 0) {
        return err_errno(err, errno, "listing %s", spool->dir);
    }
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (r == 0) {
            r = replay_segment(spool, names[i]->d_name, err);
        }
        free(names[i]);
    }
    free(names);
    return r;
}

int spool_open(const char *dir, int64_t max_bytes, struct spool **ret_spool, struct err *err)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    if (!spool) {
        abort();
    }
    snprintf(spool->dir, sizeof(spool->dir), "%s", dir);
    spool->max_bytes = max_bytes;
    spool->meters = meters_create();
    TAILQ_INIT(&spool->segments);
    TAILQ_INIT(&spool->batches);
    int r = file_make_dir(dir, 0700, err);
    if (r == 0) {
        r = replay(spool, err);
    }
    if (r < 0) {
        spool_close(spool);
        return err_wrap(err, "spool");
    }
    *ret_spool = spool;
    if (begin_segment(spool, err) < 0) {
        err->code = ERR_OK; // a full disk: the first report tries again
    }
    return 0;
}

void spool_set_boot(struct spool *spool, const char *boot)
{
    snprintf(spool->boot, sizeof(spool->boot), "%s", uuid_is(boot) ? boot : "");
}

void spool_close(struct spool *spool)
{
    if (!spool) {
        return;
    }
    while (!TAILQ_EMPTY(&spool->batches)) {
        drop_batch(spool, TAILQ_FIRST(&spool->batches));
    }
    for (struct segment *segment; (segment = TAILQ_FIRST(&spool->segments));) {
        TAILQ_REMOVE(&spool->segments, segment, link);
        close(segment->fd);
        free(segment);
    }
    meters_destroy(spool->meters);
    free(spool);
}

void spool_sample(struct spool *spool, const struct spool_source *source)
{
    meters_sample(spool->meters, source->vps, source->start, source->counters);
}

// Makes room by dropping the oldest segments; the one being written to stays.
static void enforce_bound(struct spool *spool)
{
    struct segment *oldest;
    while (spool->bytes > spool->max_bytes && (oldest = TAILQ_FIRST(&spool->segments)) &&
           TAILQ_NEXT(oldest, link)) {
        drop_segment(spool, oldest);
    }
}

static int prepare_segment(struct spool *spool, struct err *err)
{
    const struct segment *last = TAILQ_LAST(&spool->segments, segment_list);
    if (!spool->writable || !last || last->size > segment_bytes_max(spool)) {
        int r = begin_segment(spool, err);
        if (r < 0) {
            return r;
        }
    }
    enforce_bound(spool);
    return 0;
}

static int write_batch(struct spool *spool, json_t *samples, json_t *kept, struct err *err)
{
    int r = prepare_segment(spool, err);
    if (r < 0) {
        return r;
    }
    struct segment *segment = TAILQ_LAST(&spool->segments, segment_list);
    int64_t number = spool->last_batch + 1;
    _cleanup_json_ json_t *record = json_pack("{s:I, s:O, s:O}", "batch", (json_int_t)number,
                                              "samples", samples, "meters", kept);
    if (*spool->boot) {
        json_object_set_new(record, "boot", json_string(spool->boot));
    }
    size_t len = 0;
    r = append(spool, segment, record, &len, err);
    if (r == 0 && fdatasync(segment->fd) < 0) {
        // What is on disk is unknown now: this number and these sequence numbers are not used again.
        r = err_errno(err, errno, "syncing the spool");
        spool->writable = false;
    }
    spool->last_batch = number;
    if (r == 0) {
        struct batch *batch = add_batch(spool, number, segment);
        batch->offset = segment->size - (off_t)len;
        batch->len = len;
    }
    return r;
}

int spool_report(struct spool *spool, const char *vps, struct err *err)
{
    for (;;) {
        _cleanup_json_ json_t *samples = NULL;
        _cleanup_json_ json_t *kept = NULL;
        if (meters_take(spool->meters, vps, BATCH_SAMPLES_MAX, &samples, &kept) == 0) {
            return 0;
        }
        int r = write_batch(spool, samples, kept, err);
        if (r < 0) {
            meters_put_back(spool->meters, samples);
            return r;
        }
    }
}

// It may have ended before the node was started: its batch is dated by the clock that it is.
int spool_end(struct spool *spool, const struct last *last, struct err *err)
{
    char boot[UUID_LEN + 1];
    if (!meters_end(spool->meters, last)) {
        return err_set(err, ERR_CONFLICT, "the end of a boot came after the next one's samples");
    }
    memcpy(boot, spool->boot, sizeof(boot));
    spool_set_boot(spool, last->node_boot);
    int r = spool_report(spool, last->vps, err);
    memcpy(spool->boot, boot, sizeof(boot));
    return r;
}

// Which of the node's clocks the samples are dated by, and what that says now, if it is still the same.
static void add_clock(const struct spool *spool, const char *boot, json_t *message)
{
    if (!uuid_is(boot)) {
        return;
    }
    json_object_set_new(message, "boot", json_string(boot));
    if (strcmp(boot, spool->boot) == 0) {
        struct timespec now;
        clock_gettime(CLOCK_BOOTTIME, &now);
        json_object_set_new(message, "now_mono_ns",
                            json_integer((json_int_t)now.tv_sec * 1000000000 + now.tv_nsec));
    }
}

static int read_batch(const struct spool *spool, const struct batch *batch, json_t **ret_message,
                      struct err *err)
{
    _cleanup_free_ char *text = malloc(batch->len);
    if (!text) {
        abort();
    }
    ssize_t n = pread(batch->segment->fd, text, batch->len, batch->offset);
    if (n != (ssize_t)batch->len) {
        return err_set(err, ERR_SYSTEM, "batch %" PRId64 " cannot be read", batch->number);
    }
    _cleanup_json_ json_t *record = NULL;
    int r = json_read(text, batch->len, JSON_DEPTH_MAX, &record, err);
    if (r < 0) {
        return r;
    }
    *ret_message = json_pack("{s:s, s:I, s:O}", "type", "usage", "batch", (json_int_t)batch->number,
                             "samples", json_object_get(record, "samples"));
    if (!*ret_message) {
        return err_set(err, ERR_MALFORMED, "a batch without samples");
    }
    add_clock(spool, json_get_string(record, "boot", ""), *ret_message);
    return 0;
}

int spool_next(struct spool *spool, int64_t after, json_t **ret_message, int64_t *ret_batch,
               struct err *err)
{
    const struct batch *batch;
    TAILQ_FOREACH (batch, &spool->batches, link) {
        if (batch->number > after) {
            *ret_batch = batch->number;
            return read_batch(spool, batch, ret_message, err);
        }
    }
    return err_set(err, ERR_NOT_FOUND, "nothing is waiting");
}

// Acknowledgements and forgetting are not synced: repeating a batch is harmless.
static void note(struct spool *spool, json_t *record)
{
    _cleanup_json_ json_t *owned = record;
    struct segment *segment = TAILQ_LAST(&spool->segments, segment_list);
    size_t len;
    if (spool->writable && segment && append(spool, segment, owned, &len, NULL) < 0) {
        spool->writable = false;
    }
}

void spool_ack(struct spool *spool, int64_t batch)
{
    apply_ack(spool, batch);
    note(spool, json_pack("{s:I}", "ack", (json_int_t)batch));
    drop_finished(spool);
}

void spool_forget(struct spool *spool, const char *vps)
{
    meters_forget(spool->meters, vps);
    note(spool, json_pack("{s:s}", "forget", vps));
}

int64_t spool_dropped(const struct spool *spool)
{
    return spool->dropped;
}
