// Downloads: incoming/<sha256>.part grows, and gets its name when it has its size. What is in it is for
// a worker to judge; but what was gone on with and is not the image, as after a power cut, is fetched once more from its beginning.
#include "file.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "message.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { SLICE = 1024 * 1024 }; // of a part hashed in one turn of the loop

struct download {
    struct link *link;
    char sha256[65];
    int64_t size; // that it must have
    int64_t have; // bytes in the file
    int64_t hashed; // of them
    crypto_hash_sha256_state hash;
    bool resumed; // it began with bytes of another time
    int fd;
    struct event *turn; // the loop's next turn
    struct err err;
};

static void next_turn(struct download *download)
{
    event_active(download->turn, EV_TIMEOUT, 0);
}

static void part_path(const struct download *download, const char *suffix, char path[LINK_PATH_MAX])
{
    snprintf(path, LINK_PATH_MAX, "%s/incoming/%s%s", download->link->config->state_dir,
             download->sha256, suffix);
}

static void finish(struct download *download)
{
    const struct err *err = &download->err;
    json_t *error = err->code < 0 ? message_error(err) : json_null();
    log_info("image_fetched", "sha256=%s bytes=%" PRId64 " error=%s", download->sha256,
             download->have, LOGQ(err->text));
    link_to_broker(download->link, json_pack("{s:s, s:s, s:o}", "type", "fetched", "sha256",
                                             download->sha256, "error", error));
    if (download->fd >= 0) {
        close(download->fd);
    }
    event_free(download->turn);
    free(download);
}

static void begin_again(struct download *download)
{
    download->have = download->hashed = 0;
    download->resumed = false;
    crypto_hash_sha256_init(&download->hash);
    if (ftruncate(download->fd, 0) < 0 || lseek(download->fd, 0, SEEK_SET) < 0) {
        err_errno(&download->err, errno, "truncating");
    }
}

static bool on_head(int status, struct evkeyvalq *headers, void *arg)
{
    struct download *download = arg;
    const char *range = evhttp_find_header(headers, "Content-Range");
    char wanted[48];
    snprintf(wanted, sizeof(wanted), "bytes %" PRId64 "-", download->have);
    if (status == 206 && download->have > 0 && range &&
        strncmp(range, wanted, strlen(wanted)) == 0) {
        return true;
    }
    if (status == 200) {
        begin_again(download);
        return download->err.code == ERR_OK;
    }
    if (status == 404 || status == 403) {
        err_set(&download->err, ERR_NOT_FOUND, "the server has no such image (%d)", status);
    } else {
        begin_again(download); // also a range that it did not like
        err_set(&download->err, ERR_UNAVAILABLE, "the server answered %d", status);
    }
    return false;
}

static void on_data(struct evbuffer *data, void *arg)
{
    struct download *download = arg;
    int64_t len = (int64_t)evbuffer_get_length(data);
    if (download->err.code < 0) {
        return;
    }
    if (download->have + len > download->size) {
        err_set(&download->err, ERR_IMAGE, "the image is larger than its record says");
        return;
    }
    while (evbuffer_get_length(data) > 0) {
        size_t size = evbuffer_get_contiguous_space(data);
        const unsigned char *bytes = evbuffer_pullup(data, (ev_ssize_t)size);
        if (file_write_all(download->fd, bytes, size, &download->err) < 0) {
            err_wrap(&download->err, "writing the image");
            return;
        }
        crypto_hash_sha256_update(&download->hash, bytes, size);
        download->have += (int64_t)size;
        download->hashed = download->have;
        evbuffer_drain(data, size);
    }
}

static int name_it(struct download *download, struct err *err)
{
    char from[LINK_PATH_MAX];
    char to[LINK_PATH_MAX];
    part_path(download, ".part", from);
    part_path(download, "", to);
    // The worker runs as another user (root), the file stays ours.
    if (fsync(download->fd) < 0 || rename(from, to) < 0) {
        return err_errno(err, errno, "naming %s", to);
    }
    return 0;
}

static bool is_the_image(struct download *download)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];
    crypto_hash_sha256_final(&download->hash, hash);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    return strcmp(hex, download->sha256) == 0;
}

static void on_done(bool complete, const char *why, void *arg)
{
    struct download *download = arg;
    struct err *err = &download->err;
    if (err->code == ERR_OK && download->have == download->size) {
        if (download->resumed && !is_the_image(download)) {
            log_warn("image_again", "sha256=%s error=%s", download->sha256,
                     LOGQ("what was here of it is not of it"));
            begin_again(download);
            next_turn(download); // not from inside of a request's end
            return;
        }
        err->code = name_it(download, err);
    } else if (err->code == ERR_OK) {
        err_set(err, ERR_UNAVAILABLE, "%" PRId64 " of %" PRId64 " bytes came: %s", download->have,
                download->size, complete ? "the reply was short" : why);
    } else if (err->code == ERR_IMAGE || err->code == ERR_DISK_FULL) {
        begin_again(download);
    }
    finish(download);
}

static const struct http_handlers handlers = {on_head, on_data, on_done};

static void begin_hash(struct download *download, int64_t here)
{
    if (here >= download->size) {
        begin_again(download);
        return;
    }
    crypto_hash_sha256_init(&download->hash);
    download->have = here;
    download->resumed = here > 0;
}

static int open_part(struct download *download, struct err *err)
{
    char path[LINK_PATH_MAX];
    part_path(download, ".part", path);
    download->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;
    if (download->fd < 0 || fstat(download->fd, &st) < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    begin_hash(download, st.st_size);
    return download->err.code;
}

// One slice; false: there is no more.
static bool hash_slice(struct download *download)
{
    static unsigned char slice[SLICE]; // of one loop
    int64_t left = download->have - download->hashed;
    size_t want = left < SLICE ? (size_t)left : SLICE;
    ssize_t n = want == 0 ? 0 : pread(download->fd, slice, want, download->hashed);
    if (n <= 0) {
        if (left > 0) {
            begin_again(download); // it shrank, or cannot be read
        }
        return false;
    }
    crypto_hash_sha256_update(&download->hash, slice, (size_t)n);
    download->hashed += n;
    return true;
}

static int ask(struct download *download, struct err *err)
{
    struct link *link = download->link;
    if (!link->ctx) {
        return err_set(err, ERR_UNAVAILABLE, "this node has not joined");
    }
    if (lseek(download->fd, download->have, SEEK_SET) < 0) {
        return err_errno(err, errno, "going on with the image");
    }
    char path[128];
    snprintf(path, sizeof(path), "/agent/v1/images/%s", download->sha256);
    const struct http_request request = {
        .server = &link->server,
        .ctx = link->ctx,
        .path = path,
        .range_from = download->have,
        .body_max = download->size,
        .handlers = &handlers,
        .arg = download,
    };
    return http_start(link->base, link->dns, &request, err);
}

// Hashes what is here of it, a slice a turn, so that the link goes on meanwhile; then asks for the rest.
static void on_turn(evutil_socket_t fd, short events, void *arg)
{
    struct download *download = arg;
    if (hash_slice(download)) {
        next_turn(download);
    } else if (download->err.code < 0 || ask(download, &download->err) < 0) {
        finish(download);
    }
}

void link_image_fetch(struct link *link, json_t *message)
{
    struct err err = {0};
    struct fetch_message fetch;
    if (message_fetch(message, &fetch, &err) < 0) {
        log_error("fetch", "error=%s", LOGQ(err.text));
        return;
    }
    struct download *download = calloc(1, sizeof(*download));
    if (!download) {
        abort();
    }
    download->link = link;
    download->fd = -1;
    download->size = fetch.size;
    snprintf(download->sha256, sizeof(download->sha256), "%s", fetch.sha256);
    download->turn = event_new(link->base, -1, 0, on_turn, download);
    if (!download->turn) {
        abort();
    }
    if (open_part(download, &download->err) < 0) {
        finish(download);
    } else {
        next_turn(download);
    }
}
