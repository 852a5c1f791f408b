// Shared by the files of the fake volume driver only.
#pragma once

#include "drivers.h"

int fake_remove_tree(const char *path, struct err *err) _must_check_;

// volume_fake_stage.c
int fake_copy(const struct agent_config *config, const struct vps_spec *spec,
              const struct volume_source *source, struct err *err);
int fake_snapshot(const struct agent_config *config, const char *vps, const char *snapshot,
                  uint64_t *ret_bytes, struct err *err);
int fake_snapshot_root(const struct agent_config *config, const char *vps, const char *snapshot,
                       struct volume_root *ret_root, struct err *err);
int fake_snapshot_delete(const struct agent_config *config, const char *vps, const char *snapshot,
                         struct err *err);
int fake_stage(const struct agent_config *config, const struct vps_spec *spec,
               const struct volume_source *source, struct err *err);
int fake_staged(const struct agent_config *config, const struct vps_spec *spec,
                struct volume_root *ret_root, struct err *err);
int fake_swap(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int fake_unswap(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int fake_settle(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int fake_scratch(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
int fake_scratch_root(const struct agent_config *config, const char *vps,
                      struct volume_root *ret_root, struct err *err);
int fake_scratch_delete(const struct agent_config *config, const char *vps, struct err *err);
