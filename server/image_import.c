// `croft-server image import`: an image of another installation, by the index that it signed. The index is believed by its key,
// the file by the index; then it is signed with our own key, which is the only one that nodes know.
#include "command_db.h"
#include "commands.h"
#include "config.h"
#include "file.h"
#include "image_fetch.h"
#include "image_index.h"
#include "image_store.h"
#include "pki.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct options {
    const char *index; // a path or an address
    const char *name; // NULL: only list
    const char *arch;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"arch", required_argument, NULL, 'a'},
        {0},
    };
    struct options options = {.arch = "amd64"};
    optind = 0; // the caller may have parsed already
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c != 'a') {
            return ERR_INVALID; // getopt has said what
        }
        options.arch = optarg;
    }
    if (optind == argc || optind < argc - 2) {
        return ERR_INVALID;
    }
    options.index = argv[optind];
    options.name = optind + 1 < argc ? argv[optind + 1] : NULL;
    *ret_options = options;
    return 0;
}

// Its bytes; the caller frees *ret_text.
static int fetch_index(const char *where, char **ret_text, size_t *ret_len, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("index", MFD_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "memory for the index");
    }
    int r = image_fetch(where, fd, IMAGE_INDEX_BYTES_MAX, err);
    struct stat st;
    if (r < 0) {
        return r;
    }
    if (fstat(fd, &st) < 0) {
        return err_errno(err, errno, "memory for the index");
    }
    char *text = malloc((size_t)st.st_size + 1);
    if (!text || pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
        abort(); // it is our own memory
    }
    *ret_text = text;
    *ret_len = (size_t)st.st_size;
    return 0;
}

// An index that is older than one that was seen already may offer what was taken back since.
static int check_serial(const struct server_config *config, const char *key, int64_t serial,
                        struct err *err)
{
    _cleanup_json_ json_t *input =
        json_pack("{s:s, s:I}", "key", key, "serial", (json_int_t)serial);
    _cleanup_json_ json_t *seen = NULL;
    int r = command_db_answer(config, SQL_IMAGE_INDEX_SEEN, input, &seen, err);
    if (r == 0 && json_get_int(seen, "serial", 0) > serial) {
        r = err_set(err, ERR_INVALID, "the index is older than one that was imported from before");
    }
    return r;
}

static int load_index(const struct server_config *config, const char *where,
                      struct image_index *ret_index, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = fetch_index(where, &text, &len, err);
    if (r < 0) {
        return r;
    }
    const char *body;
    const char *key;
    struct image_index index;
    r = image_index_verify(text, len, &config->image_index.keys, &body, &key, err);
    if (r < 0 ||
        (r = image_index_parse(body, len - (size_t)(body - text), time(NULL), &index, err)) < 0) {
        return err_wrap(err, "%s", where);
    }
    r = check_serial(config, key, index.serial, err);
    if (r < 0) {
        image_index_finish(&index);
        return err_wrap(err, "%s", where);
    }
    *ret_index = index;
    return 0;
}

// Where the file is: a name stands for one beside the index.
static void place_of(const char *index, const char *url, char place[PATH_MAX])
{
    const char *slash = strrchr(index, '/');
    if (image_fetch_is_url(url) || !slash) {
        snprintf(place, PATH_MAX, "%s", url);
    } else {
        snprintf(place, PATH_MAX, "%.*s/%s", (int)(slash - index), index, url);
    }
}

static int fetch_image(const char *place, const struct image_index_entry *entry, int fd,
                       struct err *err)
{
    char sha256[65];
    struct stat st;
    int r = image_fetch(place, fd, entry->size, err);
    if (r < 0) {
        return r;
    }
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return err_errno(err, errno, "reading it again");
    }
    if (st.st_size != entry->size) {
        return err_set(err, ERR_IMAGE, "%s has %lld bytes, not the %lld of the index", place,
                       (long long)st.st_size, (long long)entry->size);
    }
    r = image_store_hash(fd, sha256, err);
    if (r == 0 && strcmp(sha256, entry->sha256) != 0) {
        r = err_set(err, ERR_IMAGE, "%s is not the file that the index names: its SHA-256 is %s",
                    place, sha256);
    }
    return r;
}

// 0644, as image_store_add() does. Nothing is left behind on failure.
static int store_image(const struct server_config *config, const char *place,
                       const struct image_index_entry *entry, struct err *err)
{
    int r = file_make_dir(config->image_dir, 0700, err);
    if (r < 0) {
        return r;
    }
    char temp[PATH_MAX];
    char path[PATH_MAX];
    snprintf(temp, sizeof(temp), "%s/.import.%d", config->image_dir, (int)getpid());
    snprintf(path, sizeof(path), "%s/%s", config->image_dir, entry->sha256);
    _cleanup_fd_ int fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_errno(err, errno, "making %s", temp);
    }
    r = fetch_image(place, entry, fd, err);
    if (r == 0 && (fsync(fd) != 0 || rename(temp, path) != 0)) {
        r = err_errno(err, errno, "storing the image");
    }
    if (r < 0) {
        unlink(temp);
        return r;
    }
    return file_sync_dir(path, err);
}

static json_t *body_of(const struct image_index_entry *entry, const char *signature)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:I}", "name", entry->name, "title",
                     entry->title, "os", entry->os, "arch", entry->arch, "sha256", entry->sha256,
                     "size", (json_int_t)entry->size, "signature", signature, "min_disk_bytes",
                     (json_int_t)entry->min_disk_bytes);
}

static int import(const struct server_config *config, const struct options *options,
                  const struct image_index *index, struct err *err)
{
    const struct image_index_entry *entry = image_index_find(index, options->name, options->arch);
    if (!entry) {
        return err_set(err, ERR_NOT_FOUND, "the index has no %s for %s", options->name,
                       options->arch);
    }
    char place[PATH_MAX];
    char signature[PKI_IMAGE_SIGNATURE_HEX + 1];
    place_of(options->index, entry->url, place);
    int r;
    if ((r = store_image(config, place, entry, err)) < 0 ||
        (r = pki_sign_image(config->pki_dir, entry->sha256, entry->size, signature, err)) < 0) {
        return r;
    }
    _cleanup_json_ json_t *body = body_of(entry, signature);
    command_print(body);
    return 0;
}

static void list(const struct image_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct image_index_entry *entry = &index->entries[i];
        _cleanup_json_ json_t *line =
            json_pack("{s:s, s:s, s:s*, s:s, s:I, s:s}", "name", entry->name, "arch", entry->arch,
                      "version", entry->version, "title", entry->title, "size",
                      (json_int_t)entry->size, "sha256", entry->sha256);
        command_print(line);
    }
}

int image_import_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0) {
        fprintf(stderr, "usage: croft-server image import --config F INDEX [NAME] [--arch A]\n");
        return 2;
    }
    struct err err = {0};
    struct image_index index;
    int r = load_index(config, options.index, &index, &err);
    if (r == 0) {
        if (options.name) {
            r = import(config, &options, &index, &err);
        } else {
            list(&index);
        }
        image_index_finish(&index);
    }
    if (r < 0) {
        fprintf(stderr, "croft-server image import: %s\n", err.text);
        return 1;
    }
    return 0;
}
