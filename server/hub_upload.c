// PUT /agent/v1/uploads/<image id>: an image that a node makes of a vps comes piece by piece. What is here
// lies in a file, so that it goes on after anything: the node asks where, or is told.
#include "hub_private.h"

#include "json.h"
#include "offload.h"
#include "upload.h"
#include "uuid.h"

#include <inttypes.h>
#include <string.h>

enum { SHA256_HEX = 64 };

struct upload {
    struct hub_call *call;
    struct offload *offload; // while a thread is at it
    struct upload_piece piece; // its bytes are the request's
    char image[UUID_LEN + 1], sha256[SHA256_HEX + 1];
    struct upload_state state;
    struct err err;
    char size[24]; // of the whole, for PostgreSQL
};

static void free_upload(void *data)
{
    struct upload *upload = data;
    offload_abandon(upload->offload);
    free(upload);
}

static const char *image_id(const struct edge_request *request)
{
    return edge_path(request) + strlen("/agent/v1/uploads/");
}

static int read_piece(struct edge_request *request, struct upload_piece *ret_piece, struct err *err)
{
    struct upload_piece piece = {.image = image_id(request)};
    size_t len = 0;
    if (!uuid_is(piece.image)) {
        return err_set(err, ERR_NOT_FOUND, "There is no such upload.");
    }
    piece.sha256 = edge_header(request, "Croft-Image-SHA256");
    if (!piece.sha256 || strlen(piece.sha256) != SHA256_HEX ||
        strspn(piece.sha256, "0123456789abcdef") != SHA256_HEX) {
        return err_set(err, ERR_MALFORMED, "Croft-Image-SHA256 must be 64 lower-case hex digits.");
    }
    int r = upload_parse_range(edge_header(request, "Content-Range"), &piece.range, err);
    if (r < 0) {
        return r;
    }
    piece.bytes = edge_body(request, &len);
    if ((int64_t)len != piece.range.size) {
        return err_set(err, ERR_MALFORMED, "Content-Range does not fit the body.");
    }
    *ret_piece = piece;
    return 0;
}

int hub_upload_check(struct edge_request *request, struct err *err)
{
    struct upload_piece piece;
    return read_piece(request, &piece, err);
}

static void add_offset(struct upload *upload)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, upload->state.have);
    edge_add_header(upload->call->request, "Upload-Offset", text);
}

static void answer(struct upload *upload, int status)
{
    struct hub_call *call = upload->call;
    _cleanup_json_ json_t *body = json_pack("{s:I}", "offset", (json_int_t)upload->state.have);
    _cleanup_free_ char *text = json_write(body);
    add_offset(upload);
    edge_reply(call->request, status, "application/json", text, strlen(text));
    hub_call_end(call);
}

static void fail(struct upload *upload)
{
    if (upload->err.code == ERR_CONFLICT) {
        add_offset(upload);
    }
    struct err err = upload->err;
    hub_call_fail(upload->call, &err);
}

static void name_work(void *arg)
{
    struct upload *upload = arg;
    upload->err.code =
        upload_name(upload->call->hub->config, upload->image, upload->sha256, &upload->err);
}

static void on_named(void *arg)
{
    struct upload *upload = arg;
    upload->offload = NULL;
    if (upload->err.code < 0) {
        fail(upload);
    } else {
        answer(upload, 201);
    }
}

static void name_it(struct upload *upload)
{
    upload->offload = offload_start(upload->call->hub->base, name_work, on_named, upload);
}

static void on_sealed(struct hub_call *call, const struct db_rows *rows)
{
    struct upload *upload = call->data;
    if (strcmp(db_rows_get(rows, 0, "sealed"), "t") != 0) {
        err_set(&upload->err, ERR_NOT_FOUND, "This image is not wanted any more.");
        fail(upload);
        return;
    }
    name_it(upload);
}

static void seal(struct upload *upload)
{
    struct hub_call *call = upload->call;
    struct db_request query = {
        .steps = {{.sql = SQL_HUB_AUTH,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 2,
                   .params = {call->node, call->serial}},
                  {.sql = SQL_NODE_IMAGE_SEAL,
                   .role = DB_ROLE_AGENT,
                   .param_count = 4,
                   .params = {upload->image, upload->sha256, upload->size,
                              upload->state.signature}}},
        .step_count = 2,
    };
    call->then = on_sealed;
    hub_call_run(call, &query);
}

static void add_work(void *arg)
{
    struct upload *upload = arg;
    upload->err.code =
        upload_add(upload->call->hub->config, &upload->piece, &upload->state, &upload->err);
}

static void on_added(void *arg)
{
    struct upload *upload = arg;
    upload->offload = NULL;
    if (upload->err.code < 0) {
        fail(upload);
    } else if (upload->state.whole) {
        seal(upload);
    } else {
        answer(upload, 200);
    }
}

static struct upload *make_upload(struct hub_call *call, const struct upload_piece *piece)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    if (!upload) {
        abort();
    }
    upload->call = call;
    snprintf(upload->image, sizeof(upload->image), "%s", piece->image);
    snprintf(upload->sha256, sizeof(upload->sha256), "%s", piece->sha256);
    snprintf(upload->size, sizeof(upload->size), "%" PRId64, piece->range.total);
    upload->piece = *piece;
    call->data = upload;
    call->data_free = free_upload;
    return upload;
}

static int check_room(const struct db_rows *rows, const struct upload_piece *piece, struct err *err)
{
    if (db_rows_count(rows) == 0) {
        return err_set(err, ERR_NOT_FOUND, "No such image is being made on this node.");
    }
    const char *sealed = db_rows_get(rows, 0, "sha256");
    if (sealed && strcmp(sealed, piece->sha256) != 0) {
        return err_set(err, ERR_NOT_FOUND, "Another image is here already.");
    }
    long long room = strtoll(db_rows_get(rows, 0, "max_bytes"), NULL, 10);
    if (piece->range.total > room) {
        return err_set(err, ERR_QUOTA, "The image has %lld bytes, there is room for %lld.",
                       (long long)piece->range.total, room);
    }
    return 0;
}

void hub_upload(struct hub_call *call, const struct db_rows *rows)
{
    struct upload_piece piece;
    struct err err = {0};
    if (read_piece(call->request, &piece, &err) < 0 || check_room(rows, &piece, &err) < 0) {
        hub_call_fail(call, &err);
        return;
    }
    struct upload *upload = make_upload(call, &piece);
    if (db_rows_get(rows, 0, "sha256")) {
        upload->state.have = piece.range.total;
        name_it(upload);
        return;
    }
    upload->offload = offload_start(call->hub->base, add_work, on_added, upload);
}
