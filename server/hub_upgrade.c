// GET /agent/v1/link: from a request to a link.
#include "hub_private.h"

#include "upgrade.h"

static const char protocol[] = "croft.v1";

int hub_upgrade_check(struct edge_request *request, struct err *err)
{
    return upgrade_check(request, protocol, err);
}

void hub_upgrade(struct hub_call *call, const struct db_rows *rows)
{
    if (call->hub->draining) {
        struct err err = {0};
        err_set(&err, ERR_UNAVAILABLE, "This worker is going away.");
        hub_call_fail(call, &err);
        return;
    }
    char peer[64];
    snprintf(peer, sizeof(peer), "%s", edge_peer(call->request));
    struct bufferevent *bev = upgrade_accept(call->request, protocol);
    if (bev) { // else the agent left in the meantime
        hub_link_start(call->hub, bev, call->node, call->serial, peer);
    }
    hub_call_end(call);
}
