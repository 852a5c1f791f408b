#include "btrfs_ioctl.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

// A quota group's level is in the upper 16 bits of its id; subvolumes are level 0.
enum { LEVEL_SHIFT = 48, STALE_MAX = 1024 };

int btrfs_enable_quota(int fd, struct err *err)
{
    struct btrfs_ioctl_quota_ctl_args args = {.cmd = BTRFS_QUOTA_CTL_ENABLE};
    if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) < 0 && errno != EEXIST) {
        return err_errno(err, errno, "enabling btrfs quota");
    }
    return 0;
}

int btrfs_subvolume_id(int fd, uint64_t *ret_id, struct err *err)
{
    struct btrfs_ioctl_ino_lookup_args args = {.objectid = BTRFS_FIRST_FREE_OBJECTID};
    if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0) {
        return err_errno(err, errno, "looking up the subvolume id");
    }
    *ret_id = args.treeid;
    return 0;
}

// Up to nr items of one tree, keys (objectid, type, min_offset..max); nr_items tells how many came.
static int search(int fd, struct btrfs_ioctl_search_args *args, uint64_t tree, uint64_t objectid,
                  uint32_t type, uint64_t min_offset, uint64_t max_offset, struct err *err)
{
    args->key = (struct btrfs_ioctl_search_key){
        .tree_id = tree,
        .min_objectid = objectid,
        .max_objectid = objectid,
        .min_type = type,
        .max_type = type,
        .min_offset = min_offset,
        .max_offset = max_offset,
        .max_transid = UINT64_MAX,
        .nr_items = 256,
    };
    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, args) < 0) {
        return err_errno(err, errno, "searching btrfs tree %llu", (unsigned long long)tree);
    }
    return 0;
}

static bool is_limited_to(int fd, uint64_t id, uint64_t bytes)
{
    struct btrfs_ioctl_search_args args;
    struct btrfs_ioctl_search_header header;
    struct btrfs_qgroup_limit_item item;
    if (search(fd, &args, BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_LIMIT_KEY, id, id, NULL) < 0) {
        return false;
    }
    memcpy(&header, args.buf, sizeof(header));
    if (args.key.nr_items == 0 || header.len < sizeof(item)) {
        return false;
    }
    memcpy(&item, args.buf + sizeof(header), sizeof(item));
    return le64toh(item.flags) == BTRFS_QGROUP_LIMIT_MAX_RFER && le64toh(item.max_rfer) == bytes;
}

int btrfs_limit(int pool, int fd, uint64_t bytes, struct err *err)
{
    struct btrfs_ioctl_qgroup_limit_args args = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = bytes},
    };
    uint64_t id;
    int r = btrfs_subvolume_id(fd, &id, err);
    if (r < 0) {
        return r;
    }
    if (is_limited_to(fd, id, bytes)) {
        return 0;
    }
    args.qgroupid = id;
    if (ioctl(pool, BTRFS_IOC_QGROUP_LIMIT, &args) < 0) {
        return err_errno(err, errno, "setting the disk limit");
    }
    return 0;
}

int btrfs_usage(int fd, uint64_t *ret_bytes, struct err *err)
{
    uint64_t id = 0;
    int r = btrfs_subvolume_id(fd, &id, err);
    if (r < 0) {
        return r;
    }
    struct btrfs_ioctl_search_args args;
    r = search(fd, &args, BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_INFO_KEY, id, id, err);
    if (r < 0) {
        return r;
    }
    struct btrfs_ioctl_search_header header;
    struct btrfs_qgroup_info_item info;
    memcpy(&header, args.buf, sizeof(header));
    if (args.key.nr_items == 0 || header.len < sizeof(info)) {
        return err_set(err, ERR_INTERNAL, "subvolume %llu has no quota group",
                       (unsigned long long)id);
    }
    memcpy(&info, args.buf + sizeof(header), sizeof(info));
    *ret_bytes = le64toh(info.rfer);
    return 0;
}

int btrfs_forget_quota(int fd, uint64_t id, struct err *err)
{
    struct btrfs_ioctl_qgroup_create_args args = {.create = 0, .qgroupid = id};
    if (ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) < 0 && errno != ENOENT && errno != ENOTCONN) {
        return err_errno(err, errno, "removing quota group %llu", (unsigned long long)id);
    }
    return 0;
}

static bool subvolume_exists(int fd, uint64_t id)
{
    struct btrfs_ioctl_search_args args;
    return search(fd, &args, BTRFS_ROOT_TREE_OBJECTID, id, BTRFS_ROOT_ITEM_KEY, 0, UINT64_MAX,
                  NULL) < 0 ||
           args.key.nr_items > 0;
}

struct stale {
    uint64_t ids[STALE_MAX];
    size_t count;
};

// Those of one page of search results; *ret_next: where the next page starts.
static void take_stale(int fd, const struct btrfs_ioctl_search_args *args, struct stale *stale,
                       uint64_t *ret_next)
{
    size_t at = 0;
    for (uint32_t i = 0; i < args->key.nr_items && stale->count < STALE_MAX; i++) {
        struct btrfs_ioctl_search_header header;
        memcpy(&header, args->buf + at, sizeof(header));
        at += sizeof(header) + header.len;
        *ret_next = header.offset + 1;
        if (header.offset >= BTRFS_FIRST_FREE_OBJECTID && !subvolume_exists(fd, header.offset)) {
            stale->ids[stale->count++] = header.offset;
        }
    }
}

static int list_stale(int fd, struct stale *stale, struct err *err)
{
    const uint64_t end = (UINT64_C(1) << LEVEL_SHIFT) - 1;
    uint64_t next = 0;
    struct btrfs_ioctl_search_args args;
    do {
        int r =
            search(fd, &args, BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_INFO_KEY, next, end, err);
        if (r < 0) {
            return r;
        }
        take_stale(fd, &args, stale, &next);
    } while (args.key.nr_items > 0 && stale->count < STALE_MAX);
    return 0;
}

// A subvolume that is being made has its quota group before itself, in one transaction: behind the end of that it is there.
int btrfs_forget_stale_quotas(int fd, struct err *err)
{
    struct stale stale = {0};
    int r = list_stale(fd, &stale, err);
    if (r < 0 || stale.count == 0 || ioctl(fd, BTRFS_IOC_SYNC) < 0) {
        return r; // a pool that cannot be written keeps them
    }
    for (size_t i = 0; i < stale.count; i++) {
        if (!subvolume_exists(fd, stale.ids[i])) {
            (void)!btrfs_forget_quota(fd, stale.ids[i], NULL);
        }
    }
    return 0;
}

int btrfs_disk(int fd, uint64_t number, dev_t *ret_disk, struct err *err)
{
    struct btrfs_ioctl_fs_info_args fs = {0};
    if (ioctl(fd, BTRFS_IOC_FS_INFO, &fs) < 0) {
        return err_errno(err, errno, "asking for the pool's disks");
    }
    // Ids of disks that were taken out of the pool are not used again.
    for (uint64_t id = 1; id <= fs.max_id; id++) {
        struct btrfs_ioctl_dev_info_args args = {.devid = id};
        struct stat st;
        if (ioctl(fd, BTRFS_IOC_DEV_INFO, &args) == 0 && number-- == 0) {
            args.path[sizeof(args.path) - 1] = '\0';
            if (stat((const char *)args.path, &st) < 0) {
                return err_errno(err, errno, "looking at a disk of the pool");
            }
            *ret_disk = st.st_rdev;
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "the pool has no more disks");
}

// Whether the subvolume has something of this number or a higher one.
static int has_inode_from(int fd, uint64_t inode, bool *ret_has, struct err *err)
{
    struct btrfs_ioctl_search_args args = {.key = {.min_objectid = inode,
                                                   .max_objectid = BTRFS_LAST_FREE_OBJECTID,
                                                   .max_type = UINT32_MAX,
                                                   .max_offset = UINT64_MAX,
                                                   .max_transid = UINT64_MAX,
                                                   .nr_items = 1}};
    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0) {
        return err_errno(err, errno, "searching a subvolume");
    }
    *ret_has = args.key.nr_items > 0;
    return 0;
}

// The kernel searches upwards only: the highest is closed in on by halves.
int btrfs_last_inode(int fd, uint64_t *ret_inode, struct err *err)
{
    uint64_t low = BTRFS_FIRST_FREE_OBJECTID, high = UINT64_C(1) << 48;
    int r = 0;
    while (r == 0 && high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        bool has = false;
        r = has_inode_from(fd, middle, &has, err);
        *(has ? &low : &high) = middle;
    }
    *ret_inode = low;
    return r;
}
