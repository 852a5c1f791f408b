#include "outgoing.h"

#include "config.h"
#include "helper.h"
#include "privilege.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK_SIZE = 128 * 1024 };

static int file_path(const struct agent_config *config, const char *prefix, const char *image,
                     char ret[OUTGOING_PATH_MAX], struct err *err)
{
    return sysfile_path(ret, OUTGOING_PATH_MAX, err, "%s/outgoing/%s%s", config->state_dir, prefix,
                        image);
}

int outgoing_path(const struct agent_config *config, const char *image, char ret[OUTGOING_PATH_MAX],
                  struct err *err)
{
    return file_path(config, "", image, ret, err);
}

// What it holds is its own: the name comes once it is whole, and then nobody writes it any more.
static int publish(const struct agent_config *config, int fd, const char *temp, const char *path,
                   struct err *err)
{
    uid_t uid;
    gid_t gid;
    int r = geteuid() == 0 ? privilege_lookup(config->link_user, &uid, &gid, err) : 0;
    if (r == 0 && geteuid() == 0 && fchown(fd, uid, gid) < 0) {
        r = err_errno(err, errno, "giving the image to %s", config->link_user);
    }
    if (r == 0 && (fchmod(fd, 0400) < 0 || fsync(fd) < 0 || rename(temp, path) < 0)) {
        r = err_errno(err, errno, "naming %s", path);
    }
    return r;
}

// What others need of the state folder's disk: the journal, the spool, and the pool's own file, which was promised to guests and grows
// as they write.
static int64_t reserve_of(const struct agent_config *config)
{
    char path[OUTGOING_PATH_MAX];
    struct stat st;
    int64_t reserve = config->state_reserve_bytes;
    if (sysfile_path(path, sizeof(path), NULL, "%s/pool.img", config->state_dir) == 0 &&
        stat(path, &st) == 0 && st.st_size > (int64_t)st.st_blocks * 512) {
        reserve += st.st_size - (int64_t)st.st_blocks * 512;
    }
    return reserve;
}

static int pack(const struct agent_config *config, const char *directory, int fd, int64_t max_bytes,
                struct err *err)
{
    char argument[OUTGOING_PATH_MAX];
    int r = sysfile_path(argument, sizeof(argument), err, "%lld:%lld:%s", (long long)max_bytes,
                         (long long)reserve_of(config), directory);
    return r < 0 ? r : helper_run("pack", argument, fd, err);
}

int outgoing_make(const struct agent_config *config, const char *image, const char *directory,
                  int64_t max_bytes, struct err *err)
{
    char path[OUTGOING_PATH_MAX], temp[OUTGOING_PATH_MAX];
    int r = outgoing_path(config, image, path, err);
    if (r == 0) {
        r = file_path(config, ".", image, temp, err);
    }
    if (r < 0 || access(path, F_OK) == 0) {
        return r;
    }
    _cleanup_fd_ int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "making %s", temp);
    }
    r = pack(config, directory, fd, max_bytes, err);
    if (r == 0) {
        r = publish(config, fd, temp, path, err);
    }
    if (r < 0) {
        unlink(temp);
    }
    return r;
}

int outgoing_describe(const struct agent_config *config, const char *image, char ret_sha256[65],
                      int64_t *ret_size, struct err *err)
{
    crypto_hash_sha256_state state;
    unsigned char hash[32];
    char path[OUTGOING_PATH_MAX];
    int64_t total = 0;
    int r = outgoing_path(config, image, path, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_free_ unsigned char *block = malloc(BLOCK_SIZE);
    if (fd < 0 || !block) {
        return err_errno(err, errno, "opening %s", path);
    }
    crypto_hash_sha256_init(&state);
    for (ssize_t n; (n = read(fd, block, BLOCK_SIZE)) != 0; total += n) {
        if (n < 0) {
            return err_errno(err, errno, "reading %s", path);
        }
        crypto_hash_sha256_update(&state, block, (unsigned long long)n);
    }
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(ret_sha256, 65, hash, sizeof(hash));
    *ret_size = total;
    return 0;
}

static int remove_file(const char *path, struct err *err)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_errno(err, errno, "removing %s", path);
}

int outgoing_remove(const struct agent_config *config, const char *image, struct err *err)
{
    char path[OUTGOING_PATH_MAX];
    int r = outgoing_path(config, image, path, err);
    if (r == 0) {
        r = remove_file(path, err);
    }
    if (r == 0) {
        r = file_path(config, ".", image, path, err);
    }
    return r < 0 ? r : remove_file(path, err);
}
