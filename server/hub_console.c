// Consoles on the agents' side: the node of one is told by its link, whichever worker has that, and dials the worker that
// has the client, each on a port of its own (docs/decisions/0020-consoles.md).
#include "hub_private.h"

#include "console.h"
#include "json.h"
#include "log.h"
#include "upgrade.h"
#include "uuid.h"

#include <string.h>

static const char prefix[] = "/agent/v1/consoles/";

static const char *console_of(struct edge_request *request)
{
    return edge_path(request) + strlen(prefix);
}

int hub_console_check(struct edge_request *request, struct err *err)
{
    if (!uuid_is(console_of(request))) {
        return err_set(err, ERR_NOT_FOUND, "There is nothing here.");
    }
    return upgrade_check(request, CONSOLE_PROTOCOL, err);
}

void hub_console(struct hub_call *call, const struct db_rows *rows)
{
    const struct hub *hub = call->hub;
    struct console *console =
        hub->consoles ? consoles_find(hub->consoles, console_of(call->request), call->node) : NULL;
    if (!console) {
        struct err err = {0};
        err_set(&err, ERR_NOT_FOUND, "No such console waits for this node here.");
        hub_call_fail(call, &err);
        return;
    }
    struct bufferevent *bev = upgrade_accept(call->request, CONSOLE_PROTOCOL);
    if (bev) {
        console_attach(console, bev);
    }
    hub_call_end(call);
}

// croft_console: {node, console, vps, kind, host, port} of croft_console_open(). One that is missed runs into the
// time that its client is given.
static void on_console(const char *channel, const char *payload, void *arg)
{
    struct hub *hub = arg;
    _cleanup_json_ json_t *order = payload ? json_loads(payload, 0, NULL) : NULL;
    const char *node = json_get_string(order, "node", NULL);
    struct hub_link *link = node ? hub_find_link(hub, node) : NULL;
    if (link) {
        json_object_del(order, "node");
        hub_link_console(link, order);
    }
}

static int open_port(struct hub *hub, int port, struct err *err)
{
    const char *listen = hub->config->agents.listen;
    char address[256];
    struct edge_config config;
    hub_edge_config(hub, &config);
    snprintf(address, sizeof(address), "%.*s:%d", (int)(strrchr(listen, ':') - listen), listen,
             port);
    config.listen = address;
    config.share = LISTENER_EXCLUSIVE;
    return edge_create(hub->base, &config, hub_http_handle, hub, &hub->console_edge, err);
}

int hub_serve_consoles(struct hub *hub, struct consoles *consoles, struct err *err)
{
    int first = (int)hub->config->agents.console_port;
    int count = first ? (int)hub->config->agents.console_ports : 1;
    int r = ERR_SYSTEM;
    // A worker that drains still has its own while the fresh one starts.
    for (int i = 0; i < count && r < 0; i++) {
        r = open_port(hub, first + i, err);
    }
    if (r < 0) {
        return err_wrap(err, "no port is free for consoles");
    }
    hub->consoles = consoles;
    consoles_set_port(consoles, edge_port(hub->console_edge));
    db_listen(hub->db, "croft_console", on_console, hub);
    return 0;
}
