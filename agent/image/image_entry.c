#include "image_entry.h"

#include <ctype.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

bool image_entry_is_inside(const char *name)
{
    if (!name || name[0] == '\0' || name[0] == '/' || strlen(name) > IMAGE_NAME_MAX) {
        return false;
    }
    int depth = 0;
    for (const char *part = name; *part; depth++) {
        size_t len = strcspn(part, "/");
        if (len > IMAGE_PART_MAX || depth > IMAGE_DEPTH_MAX ||
            (len == 2 && memcmp(part, "..", 2) == 0)) {
            return false;
        }
        part += len;
        part += strspn(part, "/");
    }
    return true;
}

bool image_entry_is_root(const char *name)
{
    return name[strspn(name, "./")] == '\0';
}

int image_entry_refuse(struct err *err, struct archive_entry *entry, const char *why)
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

// Version 3 is version 2 with the root of a user namespace behind it.
static size_t without_root(unsigned char *value, size_t size)
{
    uint32_t head;
    if (size != XATTR_CAPS_SZ_3) {
        return size == XATTR_CAPS_SZ_2 || size == XATTR_CAPS_SZ_1 ? size : 0;
    }
    memcpy(&head, value, sizeof(head)); // little endian, as everything that we run on
    head = (head & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2;
    memcpy(value, &head, sizeof(head));
    return XATTR_CAPS_SZ_2;
}

void image_entry_keep_capability(struct archive_entry *entry)
{
    const char *name;
    const void *value;
    size_t size = 0;
    unsigned char kept[XATTR_CAPS_SZ_3];
    size_t kept_size = 0;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name && strcmp(name, "security.capability") == 0 && size <= sizeof(kept)) {
            memcpy(kept, value, size);
            kept_size = without_root(kept, size);
        }
    }
    archive_entry_xattr_clear(entry);
    if (kept_size > 0) {
        archive_entry_xattr_add_entry(entry, "security.capability", kept, kept_size);
    }
    archive_entry_acl_clear(entry);
}
