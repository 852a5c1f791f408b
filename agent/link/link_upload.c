// Uploads: a file of outgoing/ goes up piece by piece. The server says where to go on, at the beginning
// and after anything that went wrong.
#include "http.h"
#include "json.h"
#include "log.h"
#include "message.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { PIECE_MAX = 1024 * 1024, REPLY_MAX = 16 * 1024, ASTRAY_MAX = 4 };

struct upload {
    struct link *link;
    char image[37], sha256[65];
    int64_t size, at; // of the file; the next byte that the server wants
    int fd;
    int status; // of the reply under way
    int64_t offset; // that it names; -1: none
    struct evbuffer *reply;
    unsigned astray; // times that the server had something else than we thought
    char *piece;
    struct err err;
};

static void end(struct upload *upload)
{
    const struct err *err = &upload->err;
    json_t *error = err->code < 0 ? message_error(err) : json_null();
    log_info("image_pushed", "image=%s bytes=%" PRId64 " error=%s", upload->image, upload->at,
             LOGQ(err->text));
    link_to_broker(upload->link, json_pack("{s:s, s:s, s:o}", "type", "pushed", "image",
                                           upload->image, "error", error));
    if (upload->fd >= 0) {
        close(upload->fd);
    }
    if (upload->reply) {
        evbuffer_free(upload->reply);
    }
    free(upload->piece);
    free(upload);
}

static int64_t read_offset(struct evkeyvalq *headers)
{
    const char *text = evhttp_find_header(headers, "Upload-Offset");
    size_t len = text ? strspn(text, "0123456789") : 0;
    return len > 0 && len < 18 && text[len] == '\0' ? strtoll(text, NULL, 10) : -1;
}

static bool on_head(int status, struct evkeyvalq *headers, void *arg)
{
    struct upload *upload = arg;
    upload->status = status;
    upload->offset = read_offset(headers);
    return true;
}

static void on_data(struct evbuffer *data, void *arg)
{
    struct upload *upload = arg;
    evbuffer_add_buffer(upload->reply, data);
}

// The problem that the server answered with, in its own words.
static void take_problem(struct upload *upload)
{
    size_t len = evbuffer_get_length(upload->reply);
    _cleanup_json_ json_t *problem = NULL;
    if (len > REPLY_MAX ||
        json_read((const char *)evbuffer_pullup(upload->reply, -1), len, 4, &problem, NULL) < 0) {
        err_set(&upload->err, ERR_UNAVAILABLE, "the server answered %d", upload->status);
        return;
    }
    err_set(&upload->err, err_code_from_slug(json_get_string(problem, "code", "")), "%.300s",
            json_get_string(problem, "detail", "the server gave no reason"));
}

static int send_piece(struct upload *upload, struct err *err);

// True: there is more to send.
static bool take_reply(struct upload *upload)
{
    bool known = upload->offset >= 0 && upload->offset <= upload->size;
    if (upload->status == 201) {
        upload->at = upload->size;
        return false;
    }
    if (upload->status == 200 && known && upload->offset < upload->size) {
        upload->at = upload->offset;
        return true;
    }
    if (upload->status == 409 && known && ++upload->astray < ASTRAY_MAX) {
        upload->at = upload->offset;
        return true;
    }
    if (upload->status == 409 && known) {
        err_set(&upload->err, ERR_IMAGE, "the server does not get what is sent");
    } else if (upload->status >= 500) {
        err_set(&upload->err, ERR_UNAVAILABLE, "the server answered %d", upload->status);
    } else {
        take_problem(upload);
    }
    return false;
}

static void on_done(bool complete, const char *why, void *arg)
{
    struct upload *upload = arg;
    if (!complete) {
        err_set(&upload->err, ERR_UNAVAILABLE, "at byte %" PRId64 ": %s", upload->at, why);
    }
    if (!complete || !take_reply(upload) || send_piece(upload, &upload->err) < 0) {
        end(upload);
    }
}

static const struct http_handlers handlers = {on_head, on_data, on_done};

static int transmit(struct upload *upload, const struct http_piece *piece, struct err *err)
{
    char path[128];
    struct link *link = upload->link;
    snprintf(path, sizeof(path), "/agent/v1/uploads/%s", upload->image);
    const struct http_request request = {
        .server = &link->server,
        .ctx = link->ctx,
        .path = path,
        .piece = piece,
        .body_max = REPLY_MAX,
        .handlers = &handlers,
        .arg = upload,
    };
    upload->status = 0;
    upload->offset = -1;
    evbuffer_drain(upload->reply, evbuffer_get_length(upload->reply));
    return http_start(link->base, link->dns, &request, err);
}

static int send_piece(struct upload *upload, struct err *err)
{
    char range[96];
    ssize_t n = pread(upload->fd, upload->piece, PIECE_MAX, upload->at);
    if (n <= 0) {
        return err_errno(err, n < 0 ? errno : ENODATA, "reading the packed image");
    }
    snprintf(range, sizeof(range), "bytes %" PRId64 "-%" PRId64 "/%" PRId64, upload->at,
             upload->at + n - 1, upload->size);
    const struct http_piece piece = {upload->piece, (size_t)n, range, upload->sha256};
    return transmit(upload, &piece, err);
}

static int ask(struct upload *upload, struct err *err)
{
    char range[48];
    snprintf(range, sizeof(range), "bytes */%" PRId64, upload->size);
    const struct http_piece piece = {"", 0, range, upload->sha256};
    return transmit(upload, &piece, err);
}

static int start(struct upload *upload, struct err *err)
{
    char path[LINK_PATH_MAX];
    if (!upload->link->ctx) {
        return err_set(err, ERR_UNAVAILABLE, "this node has not joined");
    }
    snprintf(path, sizeof(path), "%s/outgoing/%s", upload->link->config->state_dir, upload->image);
    upload->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return upload->fd < 0 ? err_errno(err, errno, "opening %s", path) : ask(upload, err);
}

void link_upload(struct link *link, json_t *message)
{
    struct err err = {0};
    struct push_message push;
    if (message_push(message, &push, &err) < 0) {
        log_error("push", "error=%s", LOGQ(err.text));
        return;
    }
    struct upload *upload = calloc(1, sizeof(*upload));
    if (!upload || !(upload->piece = malloc(PIECE_MAX)) || !(upload->reply = evbuffer_new())) {
        abort();
    }
    upload->link = link;
    upload->fd = -1;
    upload->size = push.size;
    snprintf(upload->image, sizeof(upload->image), "%s", push.image);
    snprintf(upload->sha256, sizeof(upload->sha256), "%s", push.sha256);
    if (start(upload, &upload->err) < 0) {
        end(upload);
    }
}
