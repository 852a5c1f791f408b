// What the check of each minute found: alarms go with every heartbeat, drift is told as it is found, and what the server answers to that
// is removed by the next check.
#include "broker.h"
#include "json.h"
#include "log.h"
#include "message.h"
#include "task.h"

enum { CLEAN_MS = 500 };

void broker_check_start(struct broker *broker)
{
    _cleanup_json_ json_t *spec =
        json_pack("{s:O?}", "clean", broker->clean ? broker->clean : json_null());
    broker_task_internal(broker, &task_node_check, "", spec, 0);
}

void broker_check_ended(struct broker *broker, const json_t *result)
{
    json_t *alarms = json_object_get(result, "alarms");
    json_t *found = json_object_get(result, "found");
    if (json_is_array(alarms)) {
        json_decref(broker->alarms);
        broker->alarms = json_incref(alarms);
    }
    broker_connections_counted(broker, json_object_get(result, "connections"));
    if (json_is_array(found)) {
        broker_send(broker, json_pack("{s:s, s:O}", "type", "drift", "items", found));
    }
}

void broker_drift_clean(struct broker *broker, json_t *message)
{
    struct err err = {0};
    json_t *items;
    if (message_drift_clean(message, &items, &err) < 0) {
        log_warn("drift_clean", "error=%s", LOGQ(err.text));
        return;
    }
    if (json_array_size(items) > 0 && !json_equal(items, broker->clean)) {
        broker_arm(broker->check, CLEAN_MS); // new: not only after a minute
    }
    json_decref(broker->clean);
    broker->clean = json_incref(items);
}
