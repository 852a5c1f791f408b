#include "rates.h"

#include "config.h"
#include "file.h"
#include "helper.h"
#include "vps_state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RATE_TEXT_MAX = 64, BURST_PARTS = 5, BURST_MIN = 128 * 1024 };

static const char frame[] =
    "add map inet croft rate_up { type ifname : limit; }\n"
    "add map inet croft rate_down { type ifname : limit; }\n"
    "add chain inet croft rate_in { type filter hook prerouting priority -299; policy accept; }\n"
    "add chain inet croft rate_out { type filter hook postrouting priority filter; policy accept; "
    "}\n"
    "flush chain inet croft rate_in\n"
    "flush chain inet croft rate_out\n"
    "add rule inet croft rate_in limit name iifname map @rate_up drop\n"
    "add rule inet croft rate_out limit name oifname map @rate_down drop\n";

static void path_of(const struct agent_config *config, const char *vps, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/vps/%s/rate", config->state_dir, vps);
}

// 0 also when there is none, or none that can be read.
static int64_t rate_of(const struct agent_config *config, const char *vps, uint32_t *ret_slot)
{
    char path[PATH_MAX];
    int64_t bps = 0;
    path_of(config, vps, path);
    _cleanup_free_ char *text = NULL;
    if (file_read(path, RATE_TEXT_MAX, &text, NULL, NULL) < 0 ||
        sscanf(text, "%" SCNu32 " %" SCNd64, ret_slot, &bps) != 2 || bps < 0) {
        return 0;
    }
    return bps;
}

// A limit cannot be changed: it goes, with what points to it, and comes again in one transaction. The first two
// lines make that possible whatever was there.
static void write_one(FILE *commands, const char *way, uint32_t slot, int64_t bps)
{
    fprintf(commands,
            "add limit inet croft %s%u { rate over 1 bytes/second }\n"
            "add element inet croft rate_%s { \"crv%u\" : \"%s%u\" }\n"
            "delete element inet croft rate_%s { \"crv%u\" }\n"
            "delete limit inet croft %s%u\n",
            way, slot, way, slot, way, slot, way, slot, way, slot);
    if (bps == 0) {
        return;
    }
    int64_t bytes = bps / 8;
    int64_t burst = bytes / BURST_PARTS > BURST_MIN ? bytes / BURST_PARTS : BURST_MIN;
    fprintf(commands,
            "add limit inet croft %s%u { rate over %" PRId64 " bytes/second burst %" PRId64
            " bytes }\n"
            "add element inet croft rate_%s { \"crv%u\" : \"%s%u\" }\n",
            way, slot, bytes, burst, way, slot, way, slot);
}

static void write_both(FILE *commands, uint32_t slot, int64_t bps)
{
    write_one(commands, "up", slot, bps);
    write_one(commands, "down", slot, bps);
}

void rates_write_all(const struct agent_config *config, FILE *commands)
{
    char(*ids)[37] = NULL;
    size_t count = 0;
    fputs(frame, commands);
    if (vps_state_list(config, &ids, &count, NULL) < 0) {
        return; // before the first vps
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t slot;
        int64_t bps = rate_of(config, ids[i], &slot);
        if (bps > 0) {
            write_both(commands, slot, bps);
        }
    }
    free(ids);
}

static int run(uint32_t slot, int64_t bps, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("rate", MFD_CLOEXEC);
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *commands = open_memstream(&text, &len);
    if (fd < 0 || !commands) {
        return err_errno(err, errno, "writing the nftables commands");
    }
    write_both(commands, slot, bps);
    if (fclose(commands) != 0 || write(fd, text, len) != (ssize_t)len ||
        lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, errno, "writing the nftables commands");
    }
    return helper_run("nft", NULL, fd, err);
}

// A task that dies in between is run again and does the same again.
int rates_set(const struct agent_config *config, const struct vps_spec *spec, int64_t bps,
              struct err *err)
{
    char path[PATH_MAX], text[RATE_TEXT_MAX];
    uint32_t slot;
    int64_t before = rate_of(config, spec->vps, &slot);
    path_of(config, spec->vps, path);
    if (before == bps) {
        return 0;
    }
    int r = run(spec->slot, bps, err);
    if (r == 0 && bps > 0) {
        snprintf(text, sizeof(text), "%u %" PRId64 "\n", spec->slot, bps);
        return file_write_atomic(path, text, strlen(text), 0600, err);
    }
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r < 0 ? err_wrap(err, "network rate") : 0;
}
