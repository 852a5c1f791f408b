// Consoles: the ticket, and the WebSocket that uses it up.
#include "api_private.h"
#include "console.h"
#include "json.h"
#include "macro.h"
#include "reply.h"
#include "steps.h"
#include "steps_table.h"
#include "token.h"
#include "upgrade.h"

#include <string.h>

#define TICKET_PREFIX "croft_ticket_"

static const char connect_path[] = "/v1/consoles/connect";

// Where clients connect: the public URL with the WebSocket's scheme.
static const char *connect_url(struct request *request)
{
    const char *url = request->api->config->api.public_url;
    bool tls = strncmp(url, "https", 5) == 0;
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }
    size_t scheme = strcspn(url, ":");
    return arena_print(&request->arena, "%s%.*s%s", tls ? "wss" : "ws", (int)(len - scheme),
                       url + scheme, connect_path);
}

enum step_result step_make_ticket(struct request *request)
{
    if (consoles_admit(request->api->consoles, &request->err) < 0) {
        return step_refuse(request);
    }
    struct token ticket;
    json_t *body = json_object_get(request->input, "body");
    token_make(TICKET_PREFIX, &ticket);
    json_object_set_new(body, "ticket", json_string(ticket.text));
    json_object_set_new(body, "ticket_hash", json_string(ticket.hash));
    json_object_set_new(body, "url", json_string(connect_url(request)));
    json_object_set_new(body, "protocol", json_string(CONSOLE_PROTOCOL));
    token_wipe(&ticket);
    return STEP_NEXT;
}

// A page of another origin must not spend a ticket that it came by, whoever's browser it runs in. Programs send none.
static int check_origin(struct request *request, struct err *err)
{
    const char *origin = edge_header(request->edge, "Origin");
    const char *url = request->api->config->api.public_url;
    const char *host = strstr(url, "://");
    size_t len = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/") : strlen(url);
    if (origin && (strlen(origin) != len || strncmp(origin, url, len) != 0)) {
        return err_set(err, ERR_FORBIDDEN, "Consoles are not for pages of another origin.");
    }
    return 0;
}

// Among the protocols, where browsers can put it and no log keeps it, or in the query.
static int read_ticket(struct request *request, char ret_hash[TOKEN_HASH + 1], struct err *err)
{
    char ticket[TOKEN_MAX];
    const char *query = json_get_string(request->query, "ticket", NULL);
    if (upgrade_find_word(edge_header(request->edge, "Sec-WebSocket-Protocol"), TICKET_PREFIX,
                          ticket, sizeof(ticket))) {
        token_hash(ticket, strlen(ticket), ret_hash);
    } else if (query) {
        token_hash(query, strlen(query), ret_hash);
    } else {
        return err_set(err, ERR_FORBIDDEN, "A console needs a ticket.");
    }
    return 0;
}

static void begin(struct request *request, const struct db_rows *rows)
{
    struct api *api = request->api;
    struct console_start start = {
        .id = db_rows_get(rows, 0, "id"),
        .node = db_rows_get(rows, 0, "node_id"),
        .vps = db_rows_get(rows, 0, "vps_id"),
        .revocations = api->revocations,
        .since_ms = request->started_us / 1000,
    };
    auth_who(rows, &start.who);
    console_start(api->consoles, &start, reply_upgrade(request, CONSOLE_PROTOCOL));
}

static void on_opened(const struct db_outcome *outcome, void *arg)
{
    struct request *request = arg;
    request->db_query = NULL;
    if (!outcome->err && db_rows_count(outcome->rows) == 1) {
        begin(request, outcome->rows);
        return;
    }
    if (outcome->err) {
        step_take_error(request, outcome);
    }
    request->step = NULL;
    request_run(request);
}

enum step_result step_console_connect(struct request *request)
{
    struct api *api = request->api;
    char hash[TOKEN_HASH + 1];
    if (upgrade_check(request->edge, CONSOLE_PROTOCOL, &request->err) < 0 ||
        check_origin(request, &request->err) < 0 || read_ticket(request, hash, &request->err) < 0 ||
        consoles_admit(api->consoles, &request->err) < 0) {
        return STEP_DONE;
    }
    json_t *input =
        json_pack("{s:s, s:s, s:s, s:s, s:i}", "ticket_hash", hash, "peer",
                  edge_peer(request->edge), "request", edge_id(request->edge), "host",
                  api->config->agents.console_host, "port", consoles_port(api->consoles));
    return step_login(request, SQL_CONSOLE_OPEN, input, on_opened);
}
