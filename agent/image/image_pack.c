#include "image_pack.h"

#include "confine.h"
#include "disk.h"
#include "file.h"
#include "helper.h"
#include "image_entry.h"
#include "image_forget.h"
#include "image_lock.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK_SIZE = 65536, ROOM_EACH = 1024 * 1024 };

struct pack {
    struct archive *disk, *to;
    struct archive_entry_linkresolver *links;
    int64_t entries, bytes;
    int fd; // of the image
    int64_t max, reserve; // bytes that it may have, and that its disk keeps
    int64_t written, looked; // when its disk was last looked at
    enum err_code why; // it cannot be written
};

// Others write to that disk as well: it is looked at while the image grows, not once.
static bool has_room(struct pack *pack)
{
    struct statvfs disk;
    if (pack->written - pack->looked < ROOM_EACH && pack->looked > 0) {
        return true;
    }
    pack->looked = pack->written;
    return fstatvfs(pack->fd, &disk) == 0 &&
           (int64_t)(disk.f_bavail * disk.f_frsize) > pack->reserve + ROOM_EACH;
}

static la_ssize_t write_block(struct archive *archive, void *arg, const void *block, size_t size)
{
    struct pack *pack = arg;
    if (pack->written + (int64_t)size > pack->max) {
        pack->why = ERR_QUOTA;
    } else if (!has_room(pack)) {
        pack->why = ERR_DISK_FULL;
    } else {
        int r = file_write_all(pack->fd, block, size, NULL);
        if (r == 0) {
            pack->written += (int64_t)size;
            return (la_ssize_t)size;
        }
        pack->why = r == ERR_DISK_FULL ? ERR_DISK_FULL : ERR_SYSTEM;
    }
    archive_set_error(archive, EIO, "the image cannot be written");
    return ARCHIVE_FATAL;
}

static int not_written(const struct pack *pack, struct err *err)
{
    if (pack->why == ERR_QUOTA) {
        return err_set(err, ERR_QUOTA, "the image would be larger than there is room for");
    }
    if (pack->why == ERR_DISK_FULL) {
        return err_set(err, ERR_DISK_FULL, DISK_STATE_FULL ": no room for the packed image");
    }
    return err_set(err, ERR_SYSTEM, "the image cannot be written");
}

static int write_failed(struct pack *pack, struct archive_entry *entry, struct err *err)
{
    if (pack->why != ERR_OK) {
        return not_written(pack, err);
    }
    const char *text = archive_error_string(pack->to);
    return image_entry_refuse(err, entry, text ? text : "cannot be packed");
}

static const char *relative(const char *name)
{
    name += strncmp(name, "./", 2) == 0 ? 2 : 0;
    return name;
}

// libarchive takes a sparse file as if it were none, and leaves its holes out by itself.
static int fill_gap(struct pack *pack, struct archive_entry *entry, int64_t gap, struct err *err)
{
    static const char zeros[BLOCK_SIZE];
    for (int64_t n; gap > 0; gap -= n) {
        n = gap < (int64_t)sizeof(zeros) ? gap : (int64_t)sizeof(zeros);
        if (archive_write_data(pack->to, zeros, (size_t)n) < 0) {
            return write_failed(pack, entry, err);
        }
    }
    return 0;
}

static int copy_data(struct pack *pack, struct archive_entry *entry, struct err *err)
{
    int64_t at = 0;
    for (;;) {
        const void *block;
        size_t size;
        int64_t offset;
        int r = archive_read_data_block(pack->disk, &block, &size, &offset);
        if (r == ARCHIVE_EOF) {
            return 0;
        }
        if (r < ARCHIVE_OK) {
            return image_entry_refuse(err, entry, "cannot be read");
        }
        // A hole counts as well: it costs the time of as many zeros.
        pack->bytes += offset - at + (int64_t)size;
        if (pack->bytes > IMAGE_BYTES_MAX) {
            return image_entry_refuse(err, entry, "makes the image too large");
        }
        r = fill_gap(pack, entry, offset - at, err);
        if (r < 0) {
            return r;
        }
        if (archive_write_data(pack->to, block, size) < 0) {
            return write_failed(pack, entry, err);
        }
        at = offset + (int64_t)size;
    }
}

static int write_entry(struct pack *pack, struct archive_entry *entry, struct err *err)
{
    if (archive_write_header(pack->to, entry) < ARCHIVE_WARN) {
        return write_failed(pack, entry, err);
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size(entry) <= 0 ||
        archive_entry_hardlink(entry)) {
        return 0;
    }
    return copy_data(pack, entry, err);
}

static bool is_packed(struct archive_entry *entry)
{
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
    case AE_IFLNK:
    case AE_IFIFO:
        return true;
    default:
        return false; // devices and sockets: of the machine, or of a program that runs
    }
}

static int check_entry(struct pack *pack, struct archive_entry *entry, struct err *err)
{
    if (!image_entry_is_inside(archive_entry_pathname(entry))) {
        return image_entry_refuse(err, entry, "lies too deep or has too long a name");
    }
    if (archive_entry_uid(entry) > IMAGE_ID_MAX || archive_entry_gid(entry) > IMAGE_ID_MAX) {
        return image_entry_refuse(err, entry, "belongs to somebody outside of the guest");
    }
    return 0;
}

// A file of accounts, without passwords. Its other hard links are files of their own: what those hold is the tenant's business.
static int write_locked(struct pack *pack, struct archive_entry *entry, enum image_lock_empty empty,
                        struct err *err)
{
    if (archive_entry_size(entry) > IMAGE_LOCK_MAX) {
        return image_entry_refuse(err, entry, "is too large for a file of accounts");
    }
    _cleanup_free_ char *text = calloc(1, IMAGE_LOCK_MAX);
    if (!text) {
        abort();
    }
    ssize_t got = archive_read_data(pack->disk, text, IMAGE_LOCK_MAX);
    if (got < 0) {
        return image_entry_refuse(err, entry, "cannot be read");
    }
    size_t len;
    _cleanup_free_ char *locked = image_lock(text, (size_t)got, empty, &len);
    pack->bytes += (int64_t)len;
    archive_entry_sparse_clear(entry);
    archive_entry_set_size(entry, (int64_t)len);
    if (archive_write_header(pack->to, entry) < ARCHIVE_WARN ||
        (len > 0 && archive_write_data(pack->to, locked, len) < 0)) {
        return write_failed(pack, entry, err);
    }
    return 0;
}

static int pack_entry(struct pack *pack, struct archive_entry *entry, struct err *err)
{
    const char *name = archive_entry_pathname(entry);
    enum image_fate fate = image_forget(relative(name));
    bool is_file = archive_entry_filetype(entry) == AE_IFREG;
    if (++pack->entries > IMAGE_ENTRIES_MAX) { // what is left out takes its time as well
        return image_entry_refuse(err, entry, "is one entry too many");
    }
    if (image_entry_is_root(name) || fate == IMAGE_LEAVE_OUT || !is_packed(entry)) {
        return 0;
    }
    int r = check_entry(pack, entry, err);
    if (r < 0) {
        return r;
    }
    image_entry_keep_capability(entry);
    if (fate == IMAGE_EMPTY && is_file) {
        archive_entry_sparse_clear(entry);
        archive_entry_set_size(entry, 0);
        return write_entry(pack, entry, err);
    }
    if ((fate == IMAGE_LOCK_USERS || fate == IMAGE_LOCK_GROUPS) && is_file) {
        return write_locked(pack, entry,
                            fate == IMAGE_LOCK_USERS ? IMAGE_LOCK_EMPTY : IMAGE_KEEP_EMPTY, err);
    }
    struct archive_entry *first = entry, *spare = NULL;
    archive_entry_linkify(pack->links, &first, &spare);
    return first ? write_entry(pack, first, err) : 0;
}

static int pack_all(struct pack *pack, struct err *err)
{
    struct archive_entry *entry = archive_entry_new2(pack->disk);
    int r = 0;
    while (r == 0) {
        int got = archive_read_next_header2(pack->disk, entry);
        if (got == ARCHIVE_EOF) {
            break;
        }
        if (got < ARCHIVE_WARN) {
            const char *text = archive_error_string(pack->disk);
            r = err_set(err, ERR_SYSTEM, "reading the disk: %s", text ? text : "?");
            break;
        }
        r = pack_entry(pack, entry, err);
        if (r == 0 && archive_read_disk_can_descend(pack->disk) &&
            archive_entry_filetype(entry) == AE_IFDIR) {
            archive_read_disk_descend(pack->disk);
        }
    }
    archive_entry_free(entry);
    return r;
}

static void open_both(struct pack *pack)
{
    pack->disk = archive_read_disk_new();
    archive_read_disk_set_symlink_physical(pack->disk);
    archive_read_disk_set_behavior(pack->disk, ARCHIVE_READDISK_NO_TRAVERSE_MOUNTS |
                                                   ARCHIVE_READDISK_NO_ACL |
                                                   ARCHIVE_READDISK_NO_FFLAGS);
    pack->to = archive_write_new();
    archive_write_set_format_pax_restricted(pack->to);
    archive_write_add_filter_zstd(pack->to);
    archive_write_set_bytes_per_block(pack->to, BLOCK_SIZE);
    archive_write_set_bytes_in_last_block(pack->to, 1);
    archive_write_open(pack->to, pack, NULL, write_block, NULL);
    pack->links = archive_entry_linkresolver_new();
    archive_entry_linkresolver_set_strategy(pack->links, archive_format(pack->to));
}

static int run(struct pack *pack, struct err *err)
{
    open_both(pack);
    int r = archive_read_disk_open(pack->disk, ".") == ARCHIVE_OK
                ? pack_all(pack, err)
                : err_set(err, ERR_SYSTEM, "the disk cannot be read");
    if (archive_write_close(pack->to) < ARCHIVE_OK && r == 0) {
        r = not_written(pack, err);
    }
    archive_entry_linkresolver_free(pack->links);
    archive_write_free(pack->to);
    archive_read_free(pack->disk);
    return r;
}

int image_pack_main(const char *argument)
{
    static const int capabilities[] = {CAP_DAC_READ_SEARCH};
    struct err err = {0};
    struct pack pack = {.fd = STDIN_FILENO};
    char *reserve, *directory = NULL;
    pack.max = strtoll(argument, &reserve, 10);
    if (*reserve == ':') {
        pack.reserve = strtoll(reserve + 1, &directory, 10);
    }
    int r = directory && *directory == ':' && pack.max > 0 && pack.reserve >= 0
                ? 0
                : err_set(&err, ERR_INTERNAL, "pack takes MAX:RESERVE:DIRECTORY");
    if (r == 0) {
        r = confine(directory + 1, capabilities, sizeof(capabilities) / sizeof(capabilities[0]),
                    &err);
    }
    if (r == 0) {
        r = run(&pack, &err);
    }
    err.code = r;
    return helper_answer(&err);
}
