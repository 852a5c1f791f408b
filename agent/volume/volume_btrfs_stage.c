// Other roots of a vps in guests/<id>/: `rootfs.<generation>`, which the order of that generation makes
// and then exchanges with `rootfs`, and `rescue`, from which a vps in rescue mode runs.
#include "btrfs_ioctl.h"
#include "config.h"
#include "volume_btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const char root_name[] = "rootfs", stage_prefix[] = "rootfs.", scratch_name[] = "rescue";

enum { NAME_SIZE = 32 };

static void stage_name(char out[NAME_SIZE], const struct vps_spec *spec)
{
    snprintf(out, NAME_SIZE, "%s%lld", stage_prefix, (long long)spec->generation);
}

static int open_guest(const struct agent_config *config, const char *vps, int *ret_fd,
                      struct err *err)
{
    return btrfs_open_pool_folder(config, "/guests/", vps, "", ret_fd, err);
}

static int subvolume_id(int folder, const char *name, uint64_t *ret_id, struct err *err)
{
    _cleanup_fd_ int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_errno(err, errno, "opening %s of the vps", name)
                  : btrfs_subvolume_id(fd, ret_id, err);
}

// Ids of subvolumes only rise: the staged root was made after the other one, so that whichever bears
// the name rootfs tells whether they were exchanged. No record can be out of step with that.
static int is_swapped(int folder, const char *name, bool *ret_swapped, struct err *err)
{
    uint64_t root, other;
    int r = subvolume_id(folder, root_name, &root, err);
    if (r == 0) {
        r = subvolume_id(folder, name, &other, err);
    }
    if (r == 0) {
        *ret_swapped = root > other;
    }
    return r;
}

static int exchange(int folder, const char *name, struct err *err)
{
    if (renameat2(folder, root_name, folder, name, RENAME_EXCHANGE) < 0 || fsync(folder) < 0) {
        return errno == ENOSPC ? err_set(err, ERR_DISK_FULL, "exchanging roots: the pool is full")
                               : err_errno(err, errno, "exchanging the roots of the vps");
    }
    return 0;
}

int btrfs_stage(const struct agent_config *config, const struct vps_spec *spec,
                const struct volume_source *source, struct err *err)
{
    char name[NAME_SIZE];
    bool swapped = false;
    _cleanup_fd_ int guest = -1;
    stage_name(name, spec);
    int r = btrfs_make_guest_folder(config, spec, &guest, err);
    if (r == 0) {
        r = btrfs_delete_all(guest, stage_prefix, name, err);
    }
    if (r == 0 && btrfs_exists(guest, name)) {
        r = is_swapped(guest, name, &swapped, err);
        if (r < 0 || swapped) {
            return r;
        }
        r = btrfs_delete_subvolume(guest, name, err); // what was written into it may be half
    }
    bool layered = btrfs_is_layered(guest, root_name) && !spec->features.nesting;
    return r < 0 ? r : btrfs_take(config, source, layered, guest, name, err);
}

int btrfs_staged(const struct agent_config *config, const struct vps_spec *spec,
                 struct volume_root *ret_root, struct err *err)
{
    char name[NAME_SIZE], tail[NAME_SIZE + 1];
    bool swapped = false;
    _cleanup_fd_ int guest = -1;
    stage_name(name, spec);
    int r = open_guest(config, spec->vps, &guest, err);
    if (r == 0 && !btrfs_exists(guest, name)) {
        r = err_set(err, ERR_NOT_FOUND, "there is no root beside that of the vps");
    }
    if (r == 0) {
        r = is_swapped(guest, name, &swapped, err);
    }
    if (r < 0) {
        return r;
    }
    bool layered = btrfs_is_layered(guest, name);
    *ret_root = (struct volume_root){.id_mapped = !layered};
    snprintf(tail, sizeof(tail), "/%s", name);
    r = swapped ? 0 : btrfs_pool_path(config, ret_root->path, "/guests/", spec->vps, tail, err);
    if (layered) {
        snprintf(ret_root->layered, sizeof(ret_root->layered), "%s", ret_root->path);
    }
    return r;
}

// Exchanges them if they are not as wanted.
static int set_swapped(const struct agent_config *config, const struct vps_spec *spec, bool wanted,
                       struct err *err)
{
    char name[NAME_SIZE];
    bool swapped = false;
    _cleanup_fd_ int guest = -1;
    stage_name(name, spec);
    int r = open_guest(config, spec->vps, &guest, err);
    if (r == 0) {
        r = is_swapped(guest, name, &swapped, err);
    }
    return r < 0 || swapped == wanted ? r : exchange(guest, name, err);
}

int btrfs_swap(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    return set_swapped(config, spec, true, err);
}

int btrfs_unswap(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    char name[NAME_SIZE];
    _cleanup_fd_ int guest = -1;
    stage_name(name, spec);
    int r = open_guest(config, spec->vps, &guest, err);
    if (r == ERR_NOT_FOUND || (r == 0 && !btrfs_exists(guest, name))) {
        return 0;
    }
    return r < 0 ? r : set_swapped(config, spec, false, err);
}

int btrfs_settle(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int guest = -1;
    int r = open_guest(config, spec->vps, &guest, err);
    if (r == ERR_NOT_FOUND) {
        return 0;
    }
    return r < 0 ? r : btrfs_delete_all(guest, stage_prefix, NULL, err);
}

int btrfs_scratch(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    const struct volume_source source = {.image = spec->rescue.sha256};
    _cleanup_fd_ int guest = -1, scratch = -1;
    int r = btrfs_make_guest_folder(config, spec, &guest, err);
    if (r == 0 && !btrfs_exists(guest, scratch_name)) {
        r = btrfs_take(config, &source, false, guest, scratch_name, err);
    }
    if (r < 0) {
        return r;
    }
    scratch = openat(guest, scratch_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return scratch < 0 ? err_errno(err, errno, "opening the rescue root")
                       : btrfs_limit(guest, scratch, (uint64_t)spec->limits.disk_bytes, err);
}

int btrfs_scratch_root(const struct agent_config *config, const char *vps,
                       struct volume_root *ret_root, struct err *err)
{
    struct volume_root own;
    int r = volume_btrfs.root(config, vps, &own, err);
    if (r < 0) {
        return r;
    }
    *ret_root = (struct volume_root){.id_mapped = 1, .disk = own.disk};
    snprintf(ret_root->beside, sizeof(ret_root->beside), "%s", own.path);
    snprintf(ret_root->layered, sizeof(ret_root->layered), "%s", own.layered);
    r = btrfs_pool_path(config, ret_root->path, "/guests/", vps, "/rescue", err);
    if (r == 0 && access(ret_root->path, F_OK) < 0) {
        r = err_set(err, ERR_NOT_FOUND, "the vps has no rescue root");
    }
    return r;
}

int btrfs_scratch_delete(const struct agent_config *config, const char *vps, struct err *err)
{
    _cleanup_fd_ int guest = -1;
    int r = open_guest(config, vps, &guest, err);
    if (r == ERR_NOT_FOUND) {
        return 0;
    }
    return r < 0 ? r : btrfs_delete_subvolume(guest, scratch_name, err);
}
