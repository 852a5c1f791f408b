#include "image.h"

#include "config.h"
#include "helper.h"
#include "image_cache.h"
#include "sysfile.h"
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 512, BLOCK_SIZE = 128 * 1024 };

_Static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64, "Ed25519");

static int check_signature(const struct agent_config *config, const struct vps_spec *spec,
                           struct err *err)
{
    unsigned char key[32], signature[64];
    char text[160];
    size_t len = 0;
    int r = trust_image_key(config, key, err);
    if (r < 0) {
        return r;
    }
    int n = snprintf(text, sizeof(text), "croft-image-v1\n%s\n%lld\n", spec->image.sha256,
                     (long long)spec->image.size);
    if (sodium_hex2bin(signature, sizeof(signature), spec->image.signature,
                       strlen(spec->image.signature), NULL, &len, NULL) < 0 ||
        len != sizeof(signature) ||
        crypto_sign_verify_detached(signature, (const unsigned char *)text, (unsigned long long)n,
                                    key) != 0) {
        return err_set(err, ERR_IMAGE, "the control plane has not signed this image");
    }
    return 0;
}

// Whatever the link process put there: never followed, never waited for.
static int open_incoming(const struct agent_config *config, const struct vps_spec *spec,
                         int *ret_folder, int *ret_file, struct err *err)
{
    char path[PATH_SIZE];
    struct stat st;
    int r = sysfile_path(path, sizeof(path), err, "%s/incoming", config->state_dir);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_fd_ int file = -1;
    if (folder >= 0) {
        file = openat(folder, spec->image.sha256, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    }
    if (file < 0) {
        return errno == ENOENT
                   ? err_set(err, ERR_NOT_FOUND, "image %s is not here yet", spec->image.sha256)
                   : err_errno(err, errno, "opening a downloaded image");
    }
    *ret_folder = STEAL_FD(folder);
    if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_IMAGE, "the downloaded image is not a file");
    }
    *ret_file = STEAL_FD(file);
    return 0;
}

// A nameless file of our own, which nobody can change while it is used.
static int open_private(const struct agent_config *config, int *ret_fd, struct err *err)
{
    char path[PATH_SIZE];
    int r = sysfile_path(path, sizeof(path), err, "%s/.image-XXXXXX", config->state_dir);
    if (r < 0) {
        return r;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "making a private file");
    }
    unlink(path);
    *ret_fd = fd;
    return 0;
}

static int write_block(int fd, const unsigned char *block, size_t size, struct err *err)
{
    while (size > 0) {
        ssize_t n = write(fd, block, size);
        if (n < 0) {
            return err_errno(err, errno, "copying the image");
        }
        block += n;
        size -= (size_t)n;
    }
    return 0;
}

// Copies and hashes in one pass; reads no byte more than the spec's size and one.
static int copy_hashed(int from, int to, const struct vps_spec *spec, struct err *err)
{
    crypto_hash_sha256_state state;
    unsigned char hash[32];
    char hex[65];
    int64_t total = 0;
    _cleanup_free_ unsigned char *block = malloc(BLOCK_SIZE);
    if (!block) {
        abort();
    }
    crypto_hash_sha256_init(&state);
    for (ssize_t n; (n = read(from, block, BLOCK_SIZE)) != 0; total += n) {
        if (n < 0) {
            return err_errno(err, errno, "reading the image");
        }
        if (total + n > spec->image.size) {
            return err_set(err, ERR_IMAGE, "the image is larger than it should be");
        }
        crypto_hash_sha256_update(&state, block, (unsigned long long)n);
        int r = write_block(to, block, (size_t)n, err);
        if (r < 0) {
            return r;
        }
    }
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    if (total != spec->image.size || strcmp(hex, spec->image.sha256) != 0) {
        return err_set(err, ERR_IMAGE, "the image's size or hash is not what it should be");
    }
    return 0;
}

static int unpack(const struct agent_config *config, const struct drivers *drivers,
                  const struct vps_spec *spec, int fd, struct err *err)
{
    char directory[256];
    int r = drivers->volume->begin_image(config, spec->image.sha256, directory, err);
    if (r < 0) {
        return r;
    }
    // The root of a guest can be entered by all its users, whatever the archive says of "./".
    r = chmod(directory, 0755) < 0 ? err_errno(err, errno, "opening %s", directory) : 0;
    if (r == 0) {
        r = helper_run("unpack", directory, fd, err);
    }
    if (r == 0) {
        r = drivers->volume->commit_image(config, spec->image.sha256, err);
    }
    if (r < 0) {
        (void)!drivers->volume->delete_image(config, spec->image.sha256, NULL);
    }
    return r;
}

static int install(const struct agent_config *config, const struct drivers *drivers,
                   const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int folder = -1, incoming = -1, private = -1;
    int r = open_incoming(config, spec, &folder, &incoming, err);
    if (r == 0) {
        r = check_signature(config, spec, err);
    }
    if (r == 0) {
        r = open_private(config, &private, err);
    }
    if (r == 0) {
        r = copy_hashed(incoming, private, spec, err);
    }
    if (r == 0) {
        r = unpack(config, drivers, spec, private, err);
    }
    // Unpacked it is not needed any more; damaged it must be fetched anew.
    if (folder >= 0 && (r == 0 || r == ERR_IMAGE)) {
        unlinkat(folder, spec->image.sha256, 0);
    }
    return r;
}

int image_install(const struct agent_config *config, const struct drivers *drivers,
                  const struct vps_spec *spec, struct err *err)
{
    image_cache_use(config, spec->image.sha256);
    if (drivers->volume->has_image(config, spec->image.sha256)) {
        return 0;
    }
    if (sodium_init() < 0) {
        return err_set(err, ERR_INTERNAL, "libsodium does not start");
    }
    _cleanup_fd_ int lock = -1;
    int r = image_cache_lock(config, spec->image.sha256, &lock, err);
    if (r < 0) {
        return r;
    }
    if (drivers->volume->has_image(config, spec->image.sha256)) {
        return 0;
    }
    r = install(config, drivers, spec, err);
    return r < 0 ? err_wrap(err, "image %s", spec->image.name) : 0;
}
