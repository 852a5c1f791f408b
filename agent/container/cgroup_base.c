#include "cgroup_base.h"

#include "sysfile.h"

#include <stdbool.h>
#include <string.h>

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);
    return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

// Whether the comma-separated list names the controller.
static bool names(const char *list, size_t len, const char *controller)
{
    size_t wanted = strlen(controller);
    for (const char *at = list, *end = list + len; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t part = (size_t)((comma ? comma : end) - at);
        if (part == wanted && memcmp(at, controller, part) == 0) {
            return true;
        }
        at += part + 1;
    }
    return false;
}

// As liblxc does, systemd's own scope is left out.
static void take_path(const char *path, size_t len, char out[CGROUP_BASE_SIZE])
{
    static const char scope[] = "/init.scope";
    if (ends_with(path, len, scope)) {
        len -= strlen(scope);
    }
    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    bool upwards = ends_with(path, len, "/..") || memmem(path, len, "/../", 4);
    if (len < CGROUP_BASE_SIZE && !upwards) {
        memcpy(out, path, len);
        out[len] = '\0';
    }
}

void cgroup_base_parse(const char *text, const char *controller, char out[CGROUP_BASE_SIZE])
{
    const char *wanted = strcmp(controller, "systemd") == 0   ? "name=systemd"
                         : strcmp(controller, "unified") == 0 ? ""
                                                              : controller;
    out[0] = '\0';
    // Lines are `number:controllers:/path`; of version 2, `0::/path`.
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *list = memchr(line, ':', (size_t)(end - line));
        const char *path = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
        if (path && names(list + 1, (size_t)(path - list - 1), wanted)) {
            take_path(path + 1, (size_t)(end - path - 1), out);
            return;
        }
        line = *end ? end + 1 : end;
    }
}

void cgroup_base(const char *controller, char out[CGROUP_BASE_SIZE])
{
    static char text[SYSFILE_MAX];
    if (!text[0] && sysfile_read("/proc/1/cgroup", text, sizeof(text), NULL) < 0) {
        text[0] = '\0';
    }
    cgroup_base_parse(text, controller, out);
}
