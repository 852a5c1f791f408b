#include "disk.h"

#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool disk_has_room(const struct agent_config *config, off_t bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/run/room.%d", config->state_dir, getpid());
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool has = fd >= 0 && posix_fallocate(fd, 0, bytes) == 0;
    unlink(path);
    return has;
}

int disk_explain(const struct agent_config *config, struct err *err)
{
    if (err->code != ERR_DISK_FULL ||
        strncmp(err->text, DISK_STATE_FULL, sizeof(DISK_STATE_FULL) - 1) == 0) {
        return err->code;
    }
    return err_wrap(err, "%s",
                    disk_has_room(config, DISK_ROOM_MIN) ? "the node's storage pool is full"
                                                         : DISK_STATE_FULL);
}
