// A full state disk: said once, watched, and when there is room again the server is asked to try anew what it gave up.
#include "broker.h"
#include "disk.h"
#include "log.h"

enum { LOOK_MS = 2000 };

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    if (!disk_has_room(broker->config, DISK_ROOM_AGAIN)) {
        broker_arm(broker->disk, LOOK_MS);
        return;
    }
    broker->disk_full = false;
    log_info("state_disk", "state=room_again");
    broker_task_retry_settle(broker);
    broker_observe_all(broker);
    broker_observe_send(broker, INVENTORY_FRESH);
}

void broker_disk_failed(struct broker *broker, enum err_code code)
{
    if (code != ERR_DISK_FULL || broker->disk_full ||
        disk_has_room(broker->config, DISK_ROOM_MIN)) {
        return;
    }
    broker->disk_full = true;
    log_error("state_disk", "state=full path=%s", broker->config->state_dir);
    if (!broker->disk) {
        broker->disk = broker_timer(broker, 0, on_look);
    }
    broker_arm(broker->disk, LOOK_MS);
}
