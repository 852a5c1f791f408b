#include "config.h"
#include "drivers.h"
#include "fake.h"
#include "file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { STATE_TEXT_MAX = 64 };

static const char stopped_text[] = "stopped\n";

int fake_path(const struct agent_config *config, const char *kind, const char *name,
              char ret_path[FAKE_PATH_MAX], struct err *err)
{
    snprintf(ret_path, FAKE_PATH_MAX, "%s/fake", config->state_dir);
    int r = file_make_dir(ret_path, 0711, err);
    if (r < 0) {
        return r;
    }
    snprintf(ret_path, FAKE_PATH_MAX, "%s/fake/%s", config->state_dir, kind);
    r = file_make_dir(ret_path, 0711, err);
    if (r == 0 && name) {
        snprintf(ret_path, FAKE_PATH_MAX, "%s/fake/%s/%s", config->state_dir, kind, name);
    }
    return r;
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

// The container's file holds "stopped" or "running <start, ns since boot>".
static int read_state(const struct agent_config *config, const char *vps,
                      enum observed *ret_observed, uint64_t *ret_start, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "containers", vps, path, err);
    if (r < 0) {
        return r;
    }
    _cleanup_free_ char *text = NULL;
    struct err failure = {0};
    r = file_read(path, STATE_TEXT_MAX, &text, NULL, &failure);
    if (r == ERR_NOT_FOUND) {
        *ret_observed = OBSERVED_ABSENT;
        return 0;
    }
    if (r < 0) {
        return err_set(err, r, "%s", failure.text);
    }
    if (sscanf(text, "running %" SCNu64, ret_start) == 1) {
        *ret_observed = OBSERVED_RUNNING;
    } else {
        *ret_observed = strcmp(text, stopped_text) == 0 ? OBSERVED_STOPPED : OBSERVED_ERROR;
    }
    return 0;
}

static int write_state(const struct agent_config *config, const char *vps, const char *text,
                       struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "containers", vps, path, err);
    return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0600, err);
}

static int observe(const struct agent_config *config, const char *vps, enum observed *ret_observed,
                   struct err *err)
{
    uint64_t start;
    return read_state(config, vps, ret_observed, &start, err);
}

uint64_t fake_running_ns(const struct agent_config *config, const char *vps)
{
    enum observed observed = OBSERVED_ABSENT;
    uint64_t start = 0;
    uint64_t now = now_ns();
    int r = read_state(config, vps, &observed, &start, NULL);
    return r == 0 && observed == OBSERVED_RUNNING && start < now ? now - start : 0;
}

static int define(const struct agent_config *config, const struct vps_spec *spec,
                  const struct volume_root *root, struct err *err)
{
    struct stat st;
    if (stat(root->path, &st) < 0) {
        return err_errno(err, errno, "looking at the root %s", root->path);
    }
    enum observed observed = OBSERVED_ABSENT;
    int r = observe(config, spec->vps, &observed, err);
    if (r < 0 || observed == OBSERVED_STOPPED || observed == OBSERVED_RUNNING) {
        return r;
    }
    return write_state(config, spec->vps, stopped_text, err);
}

static int start(const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_root *root, const struct container_start *how, struct err *err)
{
    enum observed observed;
    int r = observe(config, spec->vps, &observed, err);
    if (r < 0 || observed == OBSERVED_RUNNING) {
        return r;
    }
    if (observed == OBSERVED_ABSENT) {
        return err_set(err, ERR_CONFLICT, "the container is not defined");
    }
    char text[STATE_TEXT_MAX];
    snprintf(text, sizeof(text), "running %" PRIu64 "\n", now_ns());
    return write_state(config, spec->vps, text, err);
}

// A fake guest stands still by a file beside its own.
static int hold_path(const struct agent_config *config, const char *vps, char path[FAKE_PATH_MAX],
                     struct err *err)
{
    return fake_path(config, "frozen", vps, path, err);
}

static int freeze(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = hold_path(config, vps, path, err);
    return r < 0 || fake_running_ns(config, vps) == 0 ? r
                                                      : file_write_atomic(path, "", 0, 0600, err);
}

static int thaw(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = hold_path(config, vps, path, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}

static int stop(const struct agent_config *config, const char *vps, int timeout_s, struct err *err)
{
    enum observed observed;
    int r = observe(config, vps, &observed, err);
    if (r < 0 || observed == OBSERVED_ABSENT || observed == OBSERVED_STOPPED) {
        return r;
    }
    r = thaw(config, vps, err);
    return r < 0 ? r : write_state(config, vps, stopped_text, err);
}

static int apply(const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_root *root, struct err *err)
{
    return 0; // limits hold nothing back that does nothing
}

static int init_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                    struct err *err)
{
    *ret_pid = 0;
    return 0;
}

static int undefine(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "containers", vps, path, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}

// Counters that advance with time: a tenth of one CPU, 64 MiB of memory, a little disk traffic.
static int sample(const struct agent_config *config, const char *vps,
                  const struct pool_disks *disks, struct usage_counters *counters, struct err *err)
{
    uint64_t ns = fake_running_ns(config, vps);
    if (ns == 0) {
        return err_set(err, ERR_CONFLICT, "the container does not run");
    }
    counters->cpu_ns = ns / 10;
    counters->memory_bytes = 64U << 20;
    counters->memory_anon_bytes = 16U << 20;
    counters->io_read_bytes = ns / 1000000 * 512;
    counters->io_write_bytes = ns / 1000000 * 256;
    counters->io_read_ops = ns / 100000000;
    counters->io_write_ops = ns / 200000000;
    counters->pids = 5;
    counters->oom_kills = 0;
    return 0;
}

// Held back a tenth of the time; has met no other limit.
static int limits_met(const struct agent_config *config, const char *vps,
                      struct limits_met *ret_met, struct err *err)
{
    uint64_t ns = fake_running_ns(config, vps);
    if (ns == 0) {
        return err_set(err, ERR_CONFLICT, "the container does not run");
    }
    *ret_met = (struct limits_met){
        .memory.counted = true,
        .swap.counted = true,
        .processes.counted = true,
        .cpu = {.counted = true, .hits = ns / 1000000000},
        .periods = ns / 100000000,
        .throttled_ns = ns / 10,
    };
    return 0;
}

// There is no monitor, and no reboot.
static bool is_coming_back(const struct agent_config *config, const char *vps,
                           enum observed recorded)
{
    return false;
}

const struct container_driver container_fake = {
    .name = "fake",
    .define = define,
    .start = start,
    .stop = stop,
    .apply = apply,
    .freeze = freeze,
    .thaw = thaw,
    .monitor_pid = init_pid,
    .init_pid = init_pid,
    .is_coming_back = is_coming_back,
    .console = fake_console,
    .undefine = undefine,
    .observe = observe,
    .sample = sample,
    .limits_met = limits_met,
};
