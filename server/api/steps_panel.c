// The files of the web panel, at every path that is not the API's.
#include "api_private.h"
#include "panel.h"
#include "steps.h"

bool panel_wants(const struct request *request)
{
    enum evhttp_cmd_type method = edge_method(request->edge);
    return request->api->panel && (method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD) &&
           panel_find(request->api->panel, edge_path(request->edge));
}

static enum step_result step_panel(struct request *request)
{
    request->answer = (struct answer){
        .status = 200,
        .file = panel_find(request->api->panel, edge_path(request->edge)),
    };
    return STEP_DONE;
}

request_step *const panel_steps[] = {step_panel, NULL};
