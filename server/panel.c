#include "panel.h"

#include "macro.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { FILES_MAX = 1000, ETAG_BYTES = 12 };

static const size_t file_max = 8 << 20, total_max = 64 << 20;

struct panel {
    struct panel_file *files; // by name
    size_t count;
    size_t total; // bytes
    const struct panel_file *index;
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *const encoding_names[] = {NULL, "gzip", "br"};
static const char *const encoding_endings[] = {"", ".gz", ".br"};

// ---- Reading the folder

static bool ends_in(const char *text, const char *ending)
{
    size_t len = strlen(text), tail = strlen(ending);
    return len > tail && strcmp(text + len - tail, ending) == 0;
}

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (ends_in(name, types[i].ending)) {
            return types[i].type;
        }
    }
    return NULL;
}

static int read_all(int fd, char *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, bytes + done, len - done);
        if (n <= 0) {
            return n < 0 ? errno : EIO;
        }
        done += (size_t)n;
    }
    return 0;
}

static void name_content(struct panel_body *body)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(body->bytes, body->len, digest);
    char hex[2 * ETAG_BYTES + 1];
    sodium_bin2hex(hex, sizeof(hex), digest, ETAG_BYTES);
    snprintf(body->etag, sizeof(body->etag), "\"%s\"", hex);
}

// One encoding of a file. It need not be there, but for the plain one.
static int read_body(struct panel *panel, int folder, const char *name,
                     enum panel_encoding encoding, struct panel_body *body, struct err *err)
{
    char path[NAME_MAX + 8];
    struct stat st;
    snprintf(path, sizeof(path), "%s%s", name, encoding_endings[encoding]);
    _cleanup_fd_ int fd = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && encoding != PANEL_PLAIN) {
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_errno(err, errno, "opening %s of the panel", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s of the panel is no file", path);
    }
    size_t len = (size_t)st.st_size;
    if (len > file_max || panel->total + len > total_max) {
        return err_set(err, ERR_TOO_LARGE, "%s is larger than a file of the panel may be", path);
    }
    _cleanup_free_ char *bytes = malloc(len + 1);
    int failed = read_all(fd, bytes, len);
    if (failed) {
        return err_errno(err, failed, "reading %s of the panel", path);
    }
    panel->total += len;
    body->bytes = STEAL(bytes);
    body->len = len;
    name_content(body);
    return 0;
}

static int add_file(struct panel *panel, int folder, const char *prefix, const char *name,
                    struct err *err)
{
    if (panel->count == FILES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "the panel has more than %d files", FILES_MAX);
    }
    struct panel_file *file = &panel->files[panel->count];
    int len = snprintf(file->name, sizeof(file->name), "%s%s", prefix, name);
    file->type = type_of(name);
    if (!file->type || len >= (int)sizeof(file->name)) {
        return err_set(err, ERR_INVALID, "%s%s is no file that a panel has", prefix, name);
    }
    file->hashed = *prefix != '\0';
    panel->count++;
    int r = 0;
    for (enum panel_encoding i = PANEL_PLAIN; r == 0 && i < PANEL_ENCODINGS; i++) {
        r = read_body(panel, folder, name, i, &file->bodies[i], err);
    }
    return r;
}

static bool is_encoded(const char *name)
{
    return ends_in(name, encoding_endings[PANEL_GZIP]) ||
           ends_in(name, encoding_endings[PANEL_BROTLI]);
}

static void close_folder(DIR **folder)
{
    if (*folder) {
        closedir(*folder);
    }
}

// The files of one folder; names that begin with a dot, and the folder below it, are left out.
static int add_folder(struct panel *panel, const char *dir, const char *prefix, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", dir, prefix);
    _cleanup_(close_folder) DIR *folder = opendir(path);
    if (!folder) {
        return err_errno(err, errno, "opening the panel's folder %s", path);
    }
    int r = 0;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "assets") != 0 &&
            !is_encoded(entry->d_name)) {
            r = add_file(panel, dirfd(folder), prefix, entry->d_name, err);
        }
    }
    return r;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct panel_file *)a)->name, ((const struct panel_file *)b)->name);
}

static int compare_name(const void *name, const void *file)
{
    return strcmp(name, ((const struct panel_file *)file)->name);
}

static const struct panel_file *find_name(const struct panel *panel, const char *name)
{
    return bsearch(name, panel->files, panel->count, sizeof(panel->files[0]), compare_name);
}

int panel_load(const char *dir, struct panel **ret_panel, struct err *err)
{
    struct panel *panel = calloc(1, sizeof(*panel));
    panel->files = calloc(FILES_MAX, sizeof(panel->files[0]));
    int r = add_folder(panel, dir, "", err);
    if (r == 0) {
        r = add_folder(panel, dir, "assets/", err);
    }
    if (r == 0) {
        qsort(panel->files, panel->count, sizeof(panel->files[0]), compare_files);
        panel->index = find_name(panel, "index.html");
        r = panel->index ? 0 : err_set(err, ERR_INVALID, "there is no index.html in %s", dir);
    }
    if (r < 0) {
        panel_destroy(panel);
        return r;
    }
    *ret_panel = panel;
    return 0;
}

void panel_destroy(struct panel *panel)
{
    if (!panel) {
        return;
    }
    for (size_t i = 0; i < panel->count; i++) {
        for (int encoding = 0; encoding < PANEL_ENCODINGS; encoding++) {
            free((void *)panel->files[i].bodies[encoding].bytes);
        }
    }
    free(panel->files);
    free(panel);
}

// ---- Finding one

// A page of the application has a path of words; what looks like a file's name and is none is not there.
static bool is_page(const char *path)
{
    return strncmp(path, "/assets/", 8) != 0 && !strchr(path, '.');
}

const struct panel_file *panel_find(const struct panel *panel, const char *path)
{
    if (path[0] != '/' || strcmp(path, "/v1") == 0 || strncmp(path, "/v1/", 4) == 0) {
        return NULL;
    }
    const struct panel_file *file = find_name(panel, path + 1);
    return file ? file : is_page(path) ? panel->index : NULL;
}

// ---- Accept-Encoding (RFC 9110, 12.5.3)

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t");
}

// Whether the weight behind a coding, ";q=0.5" with blanks, is more than none. An odd one counts as none: plain always will do.
static bool is_weighed(const char *at, const char *end)
{
    at = skip_blank(at);
    if (at >= end) {
        return true;
    }
    at = skip_blank(at + (*at == ';'));
    if (strncasecmp(at, "q=", 2) != 0) {
        return false;
    }
    for (at += 2; at < end; at++) {
        if (*at >= '1' && *at <= '9') {
            return true;
        }
    }
    return false;
}

static void note_coding(const char *at, size_t len, bool wanted, unsigned *allowed, unsigned *named)
{
    for (enum panel_encoding i = PANEL_GZIP; i < PANEL_ENCODINGS; i++) {
        if (strlen(encoding_names[i]) == len && strncasecmp(at, encoding_names[i], len) == 0) {
            *named |= 1u << i;
            *allowed = wanted ? *allowed | 1u << i : *allowed & ~(1u << i);
        }
    }
}

unsigned panel_accepted(const char *accept)
{
    unsigned allowed = 1u << PANEL_PLAIN, named = 1u << PANEL_PLAIN;
    bool others = false;
    for (const char *at = accept ? accept : ""; *at;) {
        at = skip_blank(at);
        const char *end = at + strcspn(at, ",");
        size_t len = strcspn(at, " \t;,");
        bool wanted = is_weighed(at + len, end);
        if (len == 1 && *at == '*') {
            others = wanted;
        } else {
            note_coding(at, len, wanted, &allowed, &named);
        }
        at = *end ? end + 1 : end;
    }
    return others ? allowed | (((1u << PANEL_ENCODINGS) - 1) & ~named) : allowed;
}

enum panel_encoding panel_choose(const struct panel_file *file, const char *accept)
{
    unsigned accepted = panel_accepted(accept);
    for (enum panel_encoding i = PANEL_ENCODINGS - 1; i > PANEL_PLAIN; i--) {
        if (accepted & 1u << i && file->bodies[i].bytes) {
            return i;
        }
    }
    return PANEL_PLAIN;
}

const char *panel_encoding_name(enum panel_encoding encoding)
{
    return encoding_names[encoding];
}
