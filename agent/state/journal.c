#include "journal.h"

#include "file.h"
#include "json.h"
#include "record.h"
#include "uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

// A record is one of {"task":{…message}}, {"result":{…},"of":"<task>"}, {"confirm":"<task>"}.

enum {
    // Rewriting starts when so many records of the file are of no use any more.
    DEAD_RECORDS_MAX = 256,
    JOURNAL_BYTES_MAX = 64 * 1024 * 1024,
    // No more tasks past this: what remains is for the results of those there are. A link process that
    // was taken over can so not write a journal that the next broker would refuse to read.
    TASK_BYTES_MAX = JOURNAL_BYTES_MAX / 2,
};

struct journal {
    char path[PATH_MAX];
    int fd;
    off_t size; // bytes of whole records
    size_t dead; // records that a rewrite would leave out
    struct journal_entry *entries;
    size_t count, capacity;
};

static struct journal_entry *find(const struct journal *journal, const char *task)
{
    for (size_t i = 0; i < journal->count; i++) {
        if (strcmp(journal->entries[i].task, task) == 0) {
            return &journal->entries[i];
        }
    }
    return NULL;
}

static void remove_at(struct journal *journal, size_t index)
{
    json_decref(journal->entries[index].message);
    json_decref(journal->entries[index].result);
    journal->count--;
    memmove(&journal->entries[index], &journal->entries[index + 1],
            (journal->count - index) * sizeof(*journal->entries));
}

static void apply_task(struct journal *journal, json_t *message)
{
    const char *task = json_get_string(message, "task", NULL);
    if (!task || !uuid_is(task) || find(journal, task)) {
        return;
    }
    if (journal->count == journal->capacity) {
        size_t capacity = journal->capacity ? journal->capacity * 2 : 64;
        void *grown = realloc(journal->entries, capacity * sizeof(*journal->entries));
        if (!grown) {
            abort();
        }
        journal->entries = grown;
        journal->capacity = capacity;
    }
    journal->entries[journal->count++] =
        (struct journal_entry){.task = task, .message = json_incref(message)};
}

static void apply_result(struct journal *journal, const char *task, json_t *result)
{
    struct journal_entry *entry = task ? find(journal, task) : NULL;
    if (entry && json_is_object(result)) {
        json_decref(entry->result);
        entry->result = json_incref(result);
    }
}

// Of a confirmed task only its id and its result are asked for again.
static void slim(struct journal_entry *entry)
{
    json_t *whole = entry->message;
    entry->message = json_pack("{s:s}", "task", entry->task);
    entry->task = json_get_string(entry->message, "task", "");
    json_decref(whole);
}

// Keeps the newest JOURNAL_CONFIRMED_MAX confirmed entries.
static void apply_confirm(struct journal *journal, const char *task)
{
    struct journal_entry *entry = find(journal, task);
    if (!entry || !entry->result) {
        return;
    }
    if (!entry->confirmed) {
        entry->confirmed = true;
        slim(entry);
        journal->dead++;
    }
    size_t confirmed = 0;
    for (size_t i = journal->count; i-- > 0;) {
        if (journal->entries[i].confirmed && ++confirmed > JOURNAL_CONFIRMED_MAX) {
            remove_at(journal, i);
            journal->dead += 3;
        }
    }
}

static void apply(struct journal *journal, const char *text, size_t len)
{
    _cleanup_json_ json_t *record = NULL;
    if (json_read(text, len, JSON_DEPTH_MAX, &record, NULL) < 0) {
        journal->dead++;
        return;
    }
    json_t *message = json_object_get(record, "task");
    json_t *result = json_object_get(record, "result");
    const char *confirmed = json_get_string(record, "confirm", NULL);
    if (message) {
        apply_task(journal, message);
    } else if (result) {
        apply_result(journal, json_get_string(record, "of", NULL), result);
    } else if (confirmed) {
        apply_confirm(journal, confirmed);
    }
}

enum durability { SYNCED, UNSYNCED };

static int append(struct journal *journal, const json_t *record, enum durability durability,
                  struct err *err)
{
    // What a failed append left behind goes first.
    if (ftruncate(journal->fd, journal->size) < 0 ||
        lseek(journal->fd, journal->size, SEEK_SET) < 0) {
        return err_errno(err, errno, "truncating the journal");
    }
    _cleanup_free_ char *text = json_write(record);
    size_t len = strlen(text);
    int r = record_append(journal->fd, text, len, err);
    if (r == 0 && durability == SYNCED && fdatasync(journal->fd) < 0) {
        r = err_errno(err, errno, "syncing");
    }
    if (r < 0) {
        // Tried again before the next append; a torn record is skipped by readers anyway.
        if (ftruncate(journal->fd, journal->size) < 0) {
            return err_wrap(err, "journal");
        }
        return err_wrap(err, "journal");
    }
    journal->size += (off_t)(RECORD_HEADER + len);
    return 0;
}

static json_t *task_record(const struct journal_entry *entry)
{
    return json_pack("{s:O}", "task", entry->message);
}

static json_t *result_record(const char *task, json_t *result)
{
    return json_pack("{s:O, s:s}", "result", result, "of", task);
}

static json_t *confirm_record(const char *task)
{
    return json_pack("{s:s}", "confirm", task);
}

// Appends a record to a file that is being made anew.
static int rewrite_record(struct journal *to, json_t *record, struct err *err)
{
    _cleanup_json_ json_t *owned = record;
    _cleanup_free_ char *text = json_write(owned);
    size_t len = strlen(text);
    to->size += (off_t)(RECORD_HEADER + len);
    return record_append(to->fd, text, len, err);
}

static int rewrite_entry(struct journal *to, const struct journal_entry *entry, struct err *err)
{
    int r = rewrite_record(to, task_record(entry), err);
    if (r == 0 && entry->result) {
        r = rewrite_record(to, result_record(entry->task, entry->result), err);
    }
    if (r == 0 && entry->confirmed) {
        r = rewrite_record(to, confirm_record(entry->task), err);
    }
    return r;
}

// Puts a journal of the living entries in the place of the old one. When that fails (a full disk), the
// old one goes on being used.
static int compact(struct journal *journal, struct err *err)
{
    char temporary[PATH_MAX + 8];
    snprintf(temporary, sizeof(temporary), "%s.new", journal->path);
    struct journal fresh = {0};
    fresh.fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    _cleanup_fd_ int fd = fresh.fd;
    if (fd < 0) {
        return err_errno(err, errno, "making %s", temporary);
    }
    for (size_t i = 0; i < journal->count; i++) {
        if (rewrite_entry(&fresh, &journal->entries[i], err) < 0) {
            unlink(temporary);
            return err_wrap(err, "rewriting the journal");
        }
    }
    if (fsync(fd) < 0 || rename(temporary, journal->path) < 0) {
        int r = err_errno(err, errno, "rewriting the journal");
        unlink(temporary);
        return r;
    }
    close(journal->fd);
    journal->fd = STEAL_FD(fd);
    journal->size = fresh.size;
    journal->dead = 0;
    return file_sync_dir(journal->path, err);
}

static int replay(struct journal *journal, struct err *err)
{
    _cleanup_free_ char *data = NULL;
    size_t len = 0;
    int r = file_read(journal->path, JOURNAL_BYTES_MAX, &data, &len, err);
    if (r < 0) {
        return r;
    }
    size_t offset = 0;
    const char *text;
    size_t text_len;
    while (record_next((const uint8_t *)data, len, &offset, &text, &text_len)) {
        apply(journal, text, text_len);
    }
    journal->size = (off_t)offset;
    return 0;
}

int journal_open(const char *path, struct journal **ret_journal, struct err *err)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal) {
        abort();
    }
    snprintf(journal->path, sizeof(journal->path), "%s", path);
    journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = journal->fd < 0 ? err_errno(err, errno, "opening %s", path) : replay(journal, err);
    if (r == 0) {
        r = file_sync_dir(path, err);
    }
    if (r < 0) {
        journal_close(journal);
        return r;
    }
    *ret_journal = journal;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (!journal) {
        return;
    }
    while (journal->count > 0) {
        remove_at(journal, journal->count - 1);
    }
    if (journal->fd >= 0) {
        close(journal->fd);
    }
    free(journal->entries);
    free(journal);
}

const struct journal_entry *journal_find(const struct journal *journal, const char *task)
{
    return find(journal, task);
}

const struct journal_entry *journal_at(const struct journal *journal, size_t index)
{
    return index < journal->count ? &journal->entries[index] : NULL;
}

int journal_add(struct journal *journal, json_t *message, struct err *err)
{
    const char *task = json_get_string(message, "task", NULL);
    if (!task || !uuid_is(task)) {
        return err_set(err, ERR_INVALID, "a task without an id");
    }
    if (find(journal, task)) {
        return err_set(err, ERR_CONFLICT, "task %s is in the journal", task);
    }
    int r = journal->size > TASK_BYTES_MAX && journal->dead > 0 ? compact(journal, err) : 0;
    if (r < 0) {
        return r;
    }
    if (journal->size > TASK_BYTES_MAX) {
        return err_set(err, ERR_UNAVAILABLE, "too many tasks of this node wait to be confirmed");
    }
    _cleanup_json_ json_t *record = json_pack("{s:O}", "task", message);
    r = append(journal, record, SYNCED, err);
    if (r == 0) {
        apply_task(journal, message);
    }
    return r;
}

int journal_settle(struct journal *journal, const char *task, json_t *result, struct err *err)
{
    if (!find(journal, task)) {
        return err_set(err, ERR_NOT_FOUND, "task %s is not in the journal", task);
    }
    _cleanup_json_ json_t *record = result_record(task, result);
    int r = append(journal, record, SYNCED, err);
    if (r == 0) {
        apply_result(journal, task, result);
    }
    return r;
}

int journal_confirm(struct journal *journal, const char *task, struct err *err)
{
    struct journal_entry *entry = find(journal, task);
    if (!entry || !entry->result || entry->confirmed) {
        return 0;
    }
    _cleanup_json_ json_t *record = confirm_record(task);
    // One that a power cut takes is said again: the result is repeated, and confirmed once more.
    int r = append(journal, record, UNSYNCED, err);
    if (r < 0) {
        return r;
    }
    apply_confirm(journal, task);
    return journal->dead > DEAD_RECORDS_MAX ? compact(journal, err) : 0;
}
