// Limits of a container that runs, in both layouts.
#include "cgroup.h"
#include "sysfile.h"

#include <ftw.h>
#include <string.h>

enum { PATH_SIZE = 640 };

static const char *visit_file, *visit_value; // of the one walk at a time of this process

static int visit_write(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char file[PATH_SIZE];
    if ((type == FTW_D || type == FTW_DP) &&
        sysfile_path(file, sizeof(file), NULL, "%s/%s", path, visit_file) == 0) {
        (void)!sysfile_write(file, visit_value, NULL);
    }
    return 0;
}

// Version 1 lets a group have no processor that the one above has not, and widens none by itself: children first, then
// the container's, then again for what was too wide before.
static void set_below(const char *folder, const char *file, const char *value)
{
    visit_file = file;
    visit_value = value;
    nftw(folder, visit_write, 16, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
    nftw(folder, visit_write, 16, FTW_PHYS | FTW_MOUNT);
}

int cgroup_set(const char *vps, const char *file, const char *value, struct err *err)
{
    char controller[32], path[CGROUP_PATH_SIZE];
    snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(file, "."), file);
    cgroup_path(path, controller, vps, file);
    int r = sysfile_write(path, value, err);
    if (strcmp(controller, "cpuset") == 0 && !cgroup_is_unified()) {
        cgroup_path(path, controller, vps, "");
        set_below(path, file, value);
        cgroup_path(path, controller, vps, file);
        r = sysfile_write(path, value, err);
    }
    return r < 0 ? err_wrap(err, "%s = %s", file, value) : 0;
}

// The kernel would make room by killing (version 2), or refuse without a word (version 1).
int cgroup_check_memory(const char *vps, uint64_t bytes, struct err *err)
{
    struct usage_counters counters = {0};
    int r = cgroup_sample(vps, &(struct pool_disks){0}, &counters, err);
    if (r == 0 && counters.memory_anon_bytes > bytes) {
        r = err_set(err, ERR_CONFLICT, "its programs use %llu bytes of memory, more than %llu",
                    (unsigned long long)counters.memory_anon_bytes, (unsigned long long)bytes);
    }
    return r;
}

void cgroup_thaw(const char *vps)
{
    char path[CGROUP_PATH_SIZE];
    bool unified = cgroup_is_unified();
    cgroup_path(path, "freezer", vps, unified ? "cgroup.freeze" : "freezer.state");
    (void)!sysfile_write(path, unified ? "0" : "THAWED", NULL);
}
