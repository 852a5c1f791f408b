#include "image_unpack.h"

#include "confine.h"
#include "helper.h"
#include "image_entry.h"

#include <archive.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/stat.h>

enum { RATIO_MAX = 250 };

static const int64_t BYTES_FREE = INT64_C(64) << 20; // below this the ratio does not matter

struct unpack {
    struct archive *from, *to;
    int64_t compressed, bytes, entries;
};

static int check_entry(struct archive_entry *entry, struct err *err)
{
    if (!image_entry_is_inside(archive_entry_pathname(entry))) {
        return image_entry_refuse(err, entry, "leads out of the image");
    }
    const char *hardlink = archive_entry_hardlink(entry);
    if (hardlink) {
        return image_entry_is_inside(hardlink)
                   ? 0
                   : image_entry_refuse(err, entry, "links out of the image");
    }
    if (archive_entry_uid(entry) > IMAGE_ID_MAX || archive_entry_gid(entry) > IMAGE_ID_MAX) {
        return image_entry_refuse(err, entry, "belongs to nobody that a guest has");
    }
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
    case AE_IFLNK:
    case AE_IFIFO:
        return 0;
    default:
        return image_entry_refuse(err, entry, "is a device or a socket");
    }
}

// A failed write(2) is but a warning to libarchive, so warnings count as failures on this side.
static int write_failed(struct unpack *unpack, struct archive_entry *entry, struct err *err)
{
    int e = archive_errno(unpack->to);
    if (e == ENOSPC || e == EDQUOT) {
        return err_set(err, ERR_DISK_FULL, "the pool is full");
    }
    const char *text = archive_error_string(unpack->to);
    return image_entry_refuse(err, entry, text ? text : "cannot be written");
}

static int count_bytes(struct unpack *unpack, int64_t size, struct archive_entry *entry,
                       struct err *err)
{
    unpack->bytes += size;
    if (unpack->bytes > IMAGE_BYTES_MAX ||
        (unpack->bytes > BYTES_FREE && unpack->bytes / RATIO_MAX > unpack->compressed)) {
        return image_entry_refuse(err, entry, "makes the image too large");
    }
    return 0;
}

static int copy_data(struct unpack *unpack, struct archive_entry *entry, struct err *err)
{
    for (;;) {
        const void *block;
        size_t size;
        int64_t offset;
        int r = archive_read_data_block(unpack->from, &block, &size, &offset);
        if (r == ARCHIVE_EOF) {
            return 0;
        }
        if (r < ARCHIVE_OK) {
            return image_entry_refuse(err, entry, "is cut off or damaged");
        }
        int counted = count_bytes(unpack, (int64_t)size, entry, err);
        if (counted < 0) {
            return counted;
        }
        if (archive_write_data_block(unpack->to, block, size, offset) < ARCHIVE_OK) {
            return write_failed(unpack, entry, err);
        }
    }
}

static int unpack_entry(struct unpack *unpack, struct archive_entry *entry, struct err *err)
{
    int r = check_entry(entry, err);
    if (r < 0) {
        return r;
    }
    if (++unpack->entries > IMAGE_ENTRIES_MAX) {
        return image_entry_refuse(err, entry, "is one entry too many");
    }
    if (image_entry_is_root(archive_entry_pathname(entry))) {
        // The folder itself: its mode is ours to choose.
        return 0;
    }
    image_entry_keep_capability(entry);
    if (archive_write_header(unpack->to, entry) < ARCHIVE_OK) {
        return write_failed(unpack, entry, err);
    }
    if (archive_entry_size(entry) > 0) {
        r = copy_data(unpack, entry, err);
    }
    if (r == 0 && archive_write_finish_entry(unpack->to) < ARCHIVE_OK) {
        r = write_failed(unpack, entry, err);
    }
    return r;
}

static int unpack_all(struct unpack *unpack, struct err *err)
{
    for (;;) {
        struct archive_entry *entry;
        int r = archive_read_next_header(unpack->from, &entry);
        if (r == ARCHIVE_EOF) {
            return unpack->entries > 0 ? 0 : err_set(err, ERR_IMAGE, "the archive is empty");
        }
        if (r < ARCHIVE_WARN) {
            const char *text = archive_error_string(unpack->from);
            return err_set(err, ERR_IMAGE, "the archive is damaged: %s", text ? text : "?");
        }
        r = unpack_entry(unpack, entry, err);
        if (r < 0) {
            return r;
        }
    }
}

static int run(int fd, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, errno, "rewinding the image");
    }
    struct unpack unpack = {
        .from = archive_read_new(),
        .to = archive_write_disk_new(),
        .compressed = st.st_size,
    };
    archive_read_support_filter_zstd(unpack.from);
    archive_read_support_format_tar(unpack.from);
    archive_write_disk_set_options(
        unpack.to, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                       ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                       ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    int r;
    if (archive_read_open_fd(unpack.from, fd, 65536) != ARCHIVE_OK) {
        r = err_set(err, ERR_IMAGE, "not a tar archive compressed with zstd");
    } else {
        r = unpack_all(&unpack, err);
    }
    // Also sets the times and modes of folders, which waited for their contents.
    if (archive_write_close(unpack.to) < ARCHIVE_OK && r == 0) {
        r = err_set(err, archive_errno(unpack.to) == ENOSPC ? ERR_DISK_FULL : ERR_IMAGE,
                    "finishing the folders failed");
    }
    archive_write_free(unpack.to);
    archive_read_free(unpack.from);
    return r;
}

int image_unpack_main(const char *directory)
{
    struct err err = {0};
    // What writing other users' files needs.
    static const int capabilities[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
                                       CAP_SETFCAP};
    int r = confine(directory, capabilities, ARRAY_LEN(capabilities), &err);
    if (r == 0) {
        r = run(STDIN_FILENO, &err);
    }
    err.code = r;
    return helper_answer(&err);
}
