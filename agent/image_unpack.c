#include "image_unpack.h"

#include "helper.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <locale.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { ENTRIES_MAX = 2000000, NAME_MAX_BYTES = 4095, PART_MAX_BYTES = 255, RATIO_MAX = 250 };

static const int64_t BYTES_MAX = INT64_C(64) << 30; // unpacked
static const int64_t BYTES_FREE = INT64_C(64) << 20; // below this the ratio does not matter

struct unpack {
    struct archive *from, *to;
    int64_t compressed, bytes, entries;
};

static int refuse(struct err *err, struct archive_entry *entry, const char *why)
{
    const char *name = archive_entry_pathname(entry);
    char shown[80] = "";
    snprintf(shown, sizeof(shown), "%.*s", 79, name ? name : "?");
    for (char *c = shown; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            *c = '?';
        }
    }
    return err_set(err, ERR_IMAGE, "'%s' in the archive %s", shown, why);
}

// A relative name without `..`, of bounded length. "./a" is usual in archives and fine.
static bool is_inside(const char *name)
{
    if (!name || name[0] == '\0' || name[0] == '/' || strlen(name) > NAME_MAX_BYTES) {
        return false;
    }
    for (const char *part = name; *part;) {
        size_t len = strcspn(part, "/");
        if (len > PART_MAX_BYTES || (len == 2 && memcmp(part, "..", 2) == 0)) {
            return false;
        }
        part += len;
        part += strspn(part, "/");
    }
    return true;
}

static bool is_root(const char *name)
{
    return name[strspn(name, "./")] == '\0';
}

static int check_entry(struct archive_entry *entry, struct err *err)
{
    if (!is_inside(archive_entry_pathname(entry))) {
        return refuse(err, entry, "leads out of the image");
    }
    const char *hardlink = archive_entry_hardlink(entry);
    if (hardlink) {
        return is_inside(hardlink) ? 0 : refuse(err, entry, "links out of the image");
    }
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
    case AE_IFDIR:
    case AE_IFLNK:
    case AE_IFIFO:
        return 0;
    default:
        return refuse(err, entry, "is a device or a socket");
    }
}

// File capabilities are the only extended attribute that an image needs; access lists, security
// labels and the trusted name space stay out.
static void keep_capability_only(struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t size = 0;
    char kept[64];
    archive_entry_xattr_reset(entry);
    size_t kept_size = 0;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name && strcmp(name, "security.capability") == 0 && size <= sizeof(kept)) {
            memcpy(kept, value, size);
            kept_size = size;
        }
    }
    archive_entry_xattr_clear(entry);
    if (kept_size > 0) {
        archive_entry_xattr_add_entry(entry, "security.capability", kept, kept_size);
    }
    archive_entry_acl_clear(entry);
}

// A failed write(2) is but a warning to libarchive, so warnings count as failures on this side.
static int write_failed(struct unpack *unpack, struct archive_entry *entry, struct err *err)
{
    int e = archive_errno(unpack->to);
    if (e == ENOSPC || e == EDQUOT) {
        return err_set(err, ERR_DISK_FULL, "the pool is full");
    }
    const char *text = archive_error_string(unpack->to);
    return refuse(err, entry, text ? text : "cannot be written");
}

static int count_bytes(struct unpack *unpack, int64_t size, struct archive_entry *entry,
                       struct err *err)
{
    unpack->bytes += size;
    if (unpack->bytes > BYTES_MAX ||
        (unpack->bytes > BYTES_FREE && unpack->bytes / RATIO_MAX > unpack->compressed)) {
        return refuse(err, entry, "makes the image too large");
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
            return refuse(err, entry, "is cut off or damaged");
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
    if (++unpack->entries > ENTRIES_MAX) {
        return refuse(err, entry, "is one entry too many");
    }
    if (is_root(archive_entry_pathname(entry))) {
        // The folder itself: its mode is ours to choose.
        return 0;
    }
    keep_capability_only(entry);
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

// Keeps what writing other users' files needs.
static int drop_capabilities(void)
{
    static const int kept[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP};
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        data[0].effective |= 1U << kept[i];
        data[0].permitted |= 1U << kept[i];
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_capset, &header, data);
}

static int lock_in(const char *directory, struct err *err)
{
    // Names in archives are UTF-8; the locale is loaded while its files can still be reached.
    setlocale(LC_CTYPE, "C.UTF-8");
    umask(0);
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0 || chroot(directory) < 0 || chdir("/") < 0 ||
        drop_capabilities() < 0) {
        return err_errno(err, errno, "locking the unpacking into its folder");
    }
    return 0;
}

int image_unpack_main(const char *directory)
{
    struct err err = {0};
    int r = lock_in(directory, &err);
    if (r == 0) {
        r = run(STDIN_FILENO, &err);
    }
    err.code = r;
    return helper_answer(&err);
}
