// Shared by the files of the btrfs driver only.
#pragma once

#include "drivers.h"

#include <btrfsutil.h>

enum { BTRFS_PATH_SIZE = 256 };

// Makes state_dir/pool a mounted btrfs: device or loop file, made when missing.
int btrfs_pool_mount(const struct agent_config *config, const char *pool,
                     struct err *err) _must_check_;

// An error of libbtrfsutil; a full pool is ERR_DISK_FULL.
int btrfs_fail(struct err *err, enum btrfs_util_error error, int errnum, const char *what);

// state_dir/pool<folder><name><tail>
int btrfs_pool_path(const struct agent_config *config, char out[BTRFS_PATH_SIZE],
                    const char *folder, const char *name, const char *tail,
                    struct err *err) _must_check_;

// ERR_NOT_FOUND: there is none. A link is never followed.
int btrfs_open_folder(const char *path, int *ret_fd, struct err *err) _must_check_;
int btrfs_open_pool_folder(const struct agent_config *config, const char *folder, const char *name,
                           const char *tail, int *ret_fd, struct err *err) _must_check_;
int btrfs_open_root(const struct agent_config *config, const char *vps, int *ret_fd,
                    struct err *err) _must_check_;

// guests/<id>: the guest's mapped root may pass, nobody else; its setuid files are real on the host.
int btrfs_make_guest_folder(const struct agent_config *config, const struct vps_spec *spec,
                            int *ret_fd, struct err *err) _must_check_;

bool btrfs_exists(int parent, const char *name);

// Deletes the subvolume with what is nested in it and its quota group; absent is success.
int btrfs_delete_subvolume(int parent, const char *name, struct err *err) _must_check_;

// Deletes every subvolume in a folder of ours whose name begins with prefix, but not `but` (may be
// NULL).
int btrfs_delete_all(int folder, const char *prefix, const char *but, struct err *err) _must_check_;

// A writable snapshot of the source as parent/name; it appears whole or not at all. layered: of an image, a disk above it; of
// anything else it is what that is.
int btrfs_take(const struct agent_config *config, const struct volume_source *source, bool layered,
               int parent, const char *name, struct err *err) _must_check_;

// volume_btrfs_snapshot.c
int btrfs_snapshot(const struct agent_config *config, const char *vps, const char *snapshot,
                   uint64_t *ret_bytes, struct err *err);
int btrfs_snapshot_root(const struct agent_config *config, const char *vps, const char *snapshot,
                        struct volume_root *ret_root, struct err *err);
int btrfs_snapshot_delete(const struct agent_config *config, const char *vps, const char *snapshot,
                          struct err *err);
int btrfs_snapshot_delete_all(const struct agent_config *config, const char *vps,
                              struct err *err) _must_check_;

// volume_btrfs_layer.c
// Whether a new disk of this vps lies above its image.
bool btrfs_makes_layers(const struct agent_config *config, const struct vps_spec *spec);
// Whether the disk does, and above which.
bool btrfs_layer_image(int disk, char ret_image[65]);
bool btrfs_is_layered(int parent, const char *name);
// An empty disk above the image; made when it is missing.
int btrfs_layer_template(const struct agent_config *config, const char *sha256, int *ret_fd,
                         struct err *err) _must_check_;
// Removes that. images: the folder.
int btrfs_layer_forget(int images, const char *sha256, struct err *err) _must_check_;
// ERR_CONFLICT: a disk or a snapshot lies above the image.
int btrfs_layer_check_free(const struct agent_config *config, const char *sha256,
                           struct err *err) _must_check_;
// Lets go of what btrfs_mount() holds for this process.
void btrfs_layer_drop(void);
int btrfs_mount(const struct agent_config *config, const struct vps_spec *spec, pid_t monitor,
                struct volume_root *root, struct err *err);

// volume_btrfs_stage.c
int btrfs_stage(const struct agent_config *config, const struct vps_spec *spec,
                const struct volume_source *source, struct err *err);
int btrfs_staged(const struct agent_config *config, const struct vps_spec *spec,
                 struct volume_root *ret_root, struct err *err);
int btrfs_swap(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int btrfs_unswap(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int btrfs_settle(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int btrfs_scratch(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int btrfs_scratch_root(const struct agent_config *config, const char *vps,
                       struct volume_root *ret_root, struct err *err);
int btrfs_scratch_delete(const struct agent_config *config, const char *vps, struct err *err);
