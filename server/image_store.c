#include "image_store.h"

#include "commands.h"
#include "config.h"
#include "file.h"
#include "json.h"
#include "pki.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 1024 * 1024 };

static void cleanup_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static int finish_digest(EVP_MD_CTX *digest, char ret_sha256[65], struct err *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!EVP_DigestFinal_ex(digest, bytes, &len)) {
        return err_set(err, ERR_INTERNAL, "SHA-256 failed");
    }
    for (unsigned i = 0; i < len; i++) {
        snprintf(ret_sha256 + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}

// to: -1 copies nowhere.
static int copy_and_hash(int from, int to, struct image_file *image, struct err *err)
{
    _cleanup_(cleanup_digest) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    _cleanup_free_ char *chunk = malloc(CHUNK);
    if (!digest || !chunk || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
        return err_set(err, ERR_INTERNAL, "SHA-256 does not start");
    }
    for (;;) {
        ssize_t n = read(from, chunk, CHUNK);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, errno, "reading");
        }
        if (n == 0) {
            break;
        }
        int r = to < 0 ? 0 : file_write_all(to, chunk, (size_t)n, err);
        if (r < 0) {
            return r;
        }
        if (!EVP_DigestUpdate(digest, chunk, (size_t)n)) {
            return err_set(err, ERR_INTERNAL, "SHA-256 failed");
        }
        image->size += n;
    }
    if (image->size == 0) {
        return err_set(err, ERR_INVALID, "the file is empty");
    }
    return finish_digest(digest, image->sha256, err);
}

int image_store_hash(int fd, char ret_sha256[65], struct err *err)
{
    struct image_file image = {0};
    int r = copy_and_hash(fd, -1, &image, err);
    if (r == 0) {
        memcpy(ret_sha256, image.sha256, sizeof(image.sha256));
    }
    return r;
}

// 0644: images are public to every tenant, and the server may run as another user than this command.
static int store_copy(int dir_fd, const char *temp, int from, struct image_file *image,
                      struct err *err)
{
    _cleanup_fd_ int to = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (to < 0) {
        return err_errno(err, errno, "making %s", temp);
    }
    int r = copy_and_hash(from, to, image, err);
    if (r < 0) {
        return r;
    }
    if (fsync(to) != 0 || renameat(dir_fd, temp, dir_fd, image->sha256) != 0 ||
        fsync(dir_fd) != 0) {
        return err_errno(err, errno, "storing the image");
    }
    return 0;
}

int image_store_add(const struct server_config *config, const char *path,
                    struct image_file *ret_image, struct err *err)
{
    _cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s is not a regular file", path);
    }
    int r = file_make_dir(config->image_dir, 0700, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int dir_fd = open(config->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return err_errno(err, errno, "opening %s", config->image_dir);
    }
    struct image_file image = {0};
    char temp[NAME_MAX];
    snprintf(temp, sizeof(temp), ".incoming.%d", (int)getpid());
    r = store_copy(dir_fd, temp, from, &image, err);
    if (r < 0) {
        unlinkat(dir_fd, temp, 0);
        return err_wrap(err, "%s", path);
    }
    r = pki_sign_image(config->pki_dir, image.sha256, image.size, image.signature, err);
    if (r < 0) {
        return r;
    }
    *ret_image = image;
    return 0;
}

struct options {
    const char *file, *name, *os, *arch;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"name", required_argument, NULL, 'n'},
        {"os", required_argument, NULL, 'o'},
        {"arch", required_argument, NULL, 'a'},
        {0},
    };
    struct options options = {.arch = "amd64"};
    optind = 0; // the caller may have parsed already
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'n':
            options.name = optarg;
            break;
        case 'o':
            options.os = optarg;
            break;
        case 'a':
            options.arch = optarg;
            break;
        default:
            return ERR_INVALID; // getopt has said what
        }
    }
    if (optind == argc - 1) {
        options.file = argv[optind];
    }
    if (!options.file || !options.name || !options.os) {
        return ERR_INVALID;
    }
    *ret_options = options;
    return 0;
}

int image_add_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0) {
        fprintf(stderr,
                "usage: croft-server image add --config F FILE --name N --os O [--arch A]\n");
        return 2;
    }
    struct err err = {0};
    struct image_file image;
    if (image_store_add(config, options.file, &image, &err) < 0) {
        fprintf(stderr, "croft-server image add: %s\n", err.text);
        return 1;
    }
    _cleanup_json_ json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "name", options.name, "title",
                  options.name, "os", options.os, "arch", options.arch, "sha256", image.sha256,
                  "size", (json_int_t)image.size, "signature", image.signature);
    if (!body) {
        fprintf(stderr, "croft-server image add: the name, os or arch is not UTF-8\n");
        return 1;
    }
    _cleanup_free_ char *text = json_write(body);
    puts(text);
    return 0;
}
