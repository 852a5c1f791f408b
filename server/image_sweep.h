// Takes files out of image_dir that no image needs any more: those of images that were deleted, and what
// came of uploads that nobody waits for. A file that no row names, or that was stored within the last hour, is left alone: somebody is
// about to make a row.
#pragma once

#include <event2/event.h>

struct db;
struct image_sweep;
struct server_config;

struct image_sweep *image_sweep_start(struct event_base *base, struct db *db,
                                      const struct server_config *config);
void image_sweep_stop(struct image_sweep *sweep);
