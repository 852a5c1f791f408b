// The btrfs calls that libbtrfsutil lacks: quota. fd is any directory of the file system, or of the
// subvolume where one is meant.
#pragma once

#include "err.h"

#include <stdint.h>
#include <sys/types.h>

// Turns quota groups on; already on is success.
int btrfs_enable_quota(int fd, struct err *err) _must_check_;

// The id of the subvolume that fd lies in.
int btrfs_subvolume_id(int fd, uint64_t *ret_id, struct err *err) _must_check_;

// Limits what the subvolume of fd may refer to, in bytes, shared extents included. pool: a folder of the same file
// system outside of any limit, since the call itself needs room where it is made: one that is full could never be
// given more. What is so limited already is left alone: that also holds of a pool that can only be read.
int btrfs_limit(int pool, int fd, uint64_t bytes, struct err *err) _must_check_;

// What the subvolume of fd refers to, in bytes, as of the last transaction (at most 30 s ago).
int btrfs_usage(int fd, uint64_t *ret_bytes, struct err *err) _must_check_;

// Removes the quota group that a deleted subvolume leaves behind on kernels before 6.10. ERR_SYSTEM
// while the kernel still cleans the subvolume; try again later.
int btrfs_forget_quota(int fd, uint64_t id, struct err *err) _must_check_;

// Calls forget for each quota group without a subvolume; what is not yet cleaned stays. Also while subvolumes are made. Waits
// for the disk, but only where there are some.
int btrfs_forget_stale_quotas(int fd, struct err *err) _must_check_;

// The highest number of an inode in the subvolume of fd.
int btrfs_last_inode(int fd, uint64_t *ret_inode, struct err *err) _must_check_;

// The block device that is number 0, 1, … of the file system; ERR_NOT_FOUND past the last.
int btrfs_disk(int fd, uint64_t number, dev_t *ret_disk, struct err *err) _must_check_;
