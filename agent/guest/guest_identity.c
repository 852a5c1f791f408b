#include "guest_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_MAX = 256 * 1024, DAY_S = 86400 };

static const char block_begin[] = "# croft: begin, changed by the control plane\n";
static const char block_end[] = "# croft: end\n";

// A text that grows; memory is aborted for, as everywhere.
struct text {
    FILE *file;
    char *bytes;
    size_t len;
};

static void text_open(struct text *text)
{
    *text = (struct text){0};
    text->file = open_memstream(&text->bytes, &text->len);
    if (!text->file) {
        abort();
    }
}

static char *text_close(struct text *text)
{
    if (fclose(text->file) != 0) {
        abort();
    }
    return text->bytes;
}

// The line at *at, its newline included; moves *at behind it. NULL at the end.
static const char *next_line(const char **at, size_t *ret_len)
{
    const char *line = *at;
    if (!*line) {
        return NULL;
    }
    *ret_len = strcspn(line, "\n");
    *ret_len += line[*ret_len] == '\n';
    *at = line + *ret_len;
    return line;
}

static void put_line(struct text *text, const char *line, size_t len)
{
    fwrite(line, 1, len, text->file);
    if (len > 0 && line[len - 1] != '\n') {
        fputc('\n', text->file);
    }
}

// Reads a file of the guest that may be missing: *ret_text is NULL then, and owner as it was.
static int read_if_there(const struct guest *guest, const char *folder, const char *name,
                         char **ret_text, struct guest_owner *owner)
{
    *ret_text = NULL;
    int r = guest_read_file(guest, folder, name, FILE_MAX, ret_text, owner);
    return r == ERR_NOT_FOUND ? 0 : r;
}

// ---- Keys

static void put_keys(struct text *text, const struct vps_spec *spec)
{
    if (spec->ssh_key_count == 0) {
        return;
    }
    fputs(block_begin, text->file);
    for (size_t i = 0; i < spec->ssh_key_count; i++) {
        fprintf(text->file, "%s\n", spec->ssh_keys[i]);
    }
    fputs(block_end, text->file);
}

static char *keys_text(const char *old, const struct vps_spec *spec)
{
    struct text text;
    text_open(&text);
    size_t len;
    bool ours = false;
    for (const char *at = old ? old : "", *line; (line = next_line(&at, &len));) {
        if (strncmp(line, block_begin, sizeof(block_begin) - 1) == 0) {
            ours = true;
        } else if (ours) {
            ours = strncmp(line, block_end, sizeof(block_end) - 1) != 0;
        } else {
            put_line(&text, line, len);
        }
    }
    put_keys(&text, spec);
    return text_close(&text);
}

int guest_write_keys(const struct guest *guest, const struct vps_spec *spec)
{
    _cleanup_free_ char *old = NULL;
    struct guest_owner owner = {guest->owner, guest->owner, 0600};
    if (spec->ssh_key_count > 0) {
        int r = guest_make_folder(guest, "root", ".ssh", 0700);
        if (r < 0) {
            return r;
        }
    }
    int r = read_if_there(guest, "root/.ssh", "authorized_keys", &old, &owner);
    if (r < 0 || (!old && spec->ssh_key_count == 0)) {
        return r;
    }
    _cleanup_free_ char *text = keys_text(old, spec);
    if (old && strcmp(old, text) == 0) {
        return 0; // also on a disk that is full
    }
    return guest_replace_file_as(guest, "root/.ssh", "authorized_keys", &owner, text);
}

// ---- Host name

static char *hosts_text(const char *old, const char *hostname)
{
    static const char own[] = "127.0.1.1";
    struct text text;
    text_open(&text);
    size_t len;
    bool done = false;
    for (const char *at = old ? old : "", *line; (line = next_line(&at, &len));) {
        if (strncmp(line, own, sizeof(own) - 1) != 0 || !strchr(" \t", line[sizeof(own) - 1])) {
            put_line(&text, line, len);
        } else if (!done) {
            fprintf(text.file, "%s %s\n", own, hostname);
            done = true;
        }
    }
    if (!done) {
        fprintf(text.file, "%s %s\n", own, hostname);
    }
    return text_close(&text);
}

static int write_hostname(const struct guest *guest, const struct vps_spec *spec)
{
    char name[sizeof(spec->hostname) + 1];
    snprintf(name, sizeof(name), "%s\n", spec->hostname);
    int r = guest_replace_file(guest, "etc", "hostname", 0644, name);
    if (r < 0) {
        return r;
    }
    _cleanup_free_ char *old = NULL;
    struct guest_owner owner = {guest->owner, guest->owner, 0644};
    r = read_if_there(guest, "etc", "hosts", &old, &owner);
    if (r < 0) {
        return r;
    }
    _cleanup_free_ char *text = hosts_text(old, spec->hostname);
    return guest_replace_file_as(guest, "etc", "hosts", &owner, text);
}

// ---- Password

static void put_password(struct text *text, const char *rest, const char *hash)
{
    fprintf(text->file, "root:%s:%lld:%s", hash, (long long)(time(NULL) / DAY_S), rest);
}

static char *shadow_text(const char *old, const char *hash)
{
    struct text text;
    text_open(&text);
    size_t len;
    bool done = false;
    for (const char *at = old ? old : "", *line; (line = next_line(&at, &len));) {
        if (strncmp(line, "root:", 5) != 0) {
            put_line(&text, line, len);
        } else if (!done) {
            put_password(&text, "0:99999:7:::\n", hash);
            done = true;
        }
    }
    if (!done) {
        put_password(&text, "0:99999:7:::\n", hash);
    }
    return text_close(&text);
}

static int write_password(const struct guest *guest, const char *hash)
{
    _cleanup_free_ char *old = NULL;
    struct guest_owner owner = {guest->owner, guest->owner, 0600};
    int r = read_if_there(guest, "etc", "shadow", &old, &owner);
    if (r < 0) {
        return r;
    }
    owner.mode &= 0640;
    _cleanup_free_ char *text = shadow_text(old, hash);
    return guest_replace_file_as(guest, "etc", "shadow", &owner, text);
}

// ---- Each for a guest by its root

static int close_guest(struct guest *guest, int r, struct err *err, const char *what)
{
    guest_close(guest);
    return r < 0 ? err_wrap(err, "%s", what) : 0;
}

int guest_set_hostname(const struct vps_spec *spec, const struct volume_root *root, struct err *err)
{
    struct guest guest;
    int r = guest_open(spec, root, err, &guest);
    return r < 0 ? r : close_guest(&guest, write_hostname(&guest, spec), err, "host name");
}

int guest_set_keys(const struct vps_spec *spec, const struct volume_root *root, struct err *err)
{
    struct guest guest;
    int r = guest_open(spec, root, err, &guest);
    return r < 0 ? r : close_guest(&guest, guest_write_keys(&guest, spec), err, "SSH keys");
}

int guest_set_password(const struct vps_spec *spec, const struct volume_root *root,
                       const char *hash, struct err *err)
{
    struct guest guest;
    int r = guest_open(spec, root, err, &guest);
    return r < 0 ? r : close_guest(&guest, write_password(&guest, hash), err, "password");
}
