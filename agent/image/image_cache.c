#include "image_cache.h"

#include "config.h"
#include "json.h"
#include "sysfile.h"
#include "vps_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

// A create takes seconds between its first look at the image and its disk; its deadline is minutes.
enum { PATH_SIZE = 512, SHA256_HEX = 64, REST_S = 900 };

struct cached {
    char sha256[SHA256_HEX + 1];
    uint64_t bytes;
    time_t used; // last
};

struct cache {
    struct cached *images;
    size_t count;
    uint64_t bytes;
};

static int lock_path(const struct agent_config *config, const char *sha256, char path[PATH_SIZE],
                     struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/.image-%s.lock", config->state_dir, sha256);
}

// The time of the lock file is that of the last use.
void image_cache_use(const struct agent_config *config, const char *sha256)
{
    char path[PATH_SIZE];
    if (lock_path(config, sha256, path, NULL) < 0) {
        return;
    }
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!futimens(fd, NULL);
    }
}

int image_cache_lock(const struct agent_config *config, const char *sha256, int *ret_fd,
                     struct err *err)
{
    char path[PATH_SIZE];
    int r = lock_path(config, sha256, path, err);
    if (r < 0) {
        return r;
    }
    for (;;) {
        struct stat st;
        _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0) {
            return err_errno(err, errno, "locking the image");
        }
        if (st.st_nlink > 0) { // else it went with the image while we waited
            *ret_fd = STEAL_FD(fd);
            return 0;
        }
    }
}

static bool is_sha256(const char *name)
{
    return strlen(name) == SHA256_HEX && strspn(name, "0123456789abcdef") == SHA256_HEX;
}

static time_t last_use(const struct agent_config *config, const char *sha256)
{
    char path[PATH_SIZE];
    struct stat st;
    return lock_path(config, sha256, path, NULL) == 0 && lstat(path, &st) == 0 ? st.st_mtime : 0;
}

static int add(const struct agent_config *config, const struct drivers *drivers, const char *sha256,
               struct cache *cache, struct err *err)
{
    struct cached image = {.used = last_use(config, sha256)};
    memcpy(image.sha256, sha256, sizeof(image.sha256));
    int r = drivers->volume->image_bytes(config, sha256, &image.bytes, err);
    if (r < 0) {
        return r;
    }
    cache->images = reallocarray(cache->images, cache->count + 1, sizeof(image));
    if (!cache->images) {
        abort();
    }
    cache->images[cache->count++] = image;
    cache->bytes += image.bytes;
    return 0;
}

static int load(const struct agent_config *config, const struct drivers *drivers,
                struct cache *cache, struct err *err)
{
    char path[PATH_SIZE];
    int r = sysfile_path(path, sizeof(path), err, "%s/%s", config->state_dir,
                         drivers->volume->image_folder);
    DIR *folder = r == 0 ? opendir(path) : NULL;
    if (!folder) {
        return r < 0 ? r : err_errno(err, errno, "reading %s", path);
    }
    for (struct dirent *entry; r == 0 && (entry = readdir(folder));) {
        if (is_sha256(entry->d_name)) {
            r = add(config, drivers, entry->d_name, cache, err);
        }
    }
    closedir(folder);
    return r;
}

static void keep(struct cache *cache, const struct vps_state *state, const char *which)
{
    const char *sha256 = json_get_string(json_object_get(state->spec, which), "sha256", "");
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->images[i].sha256, sha256) == 0) {
            cache->images[i] = cache->images[--cache->count];
            return;
        }
    }
}

// What vps of this node were made from is no candidate. A record that cannot be read may be of any.
static int keep_used(const struct agent_config *config, struct cache *cache, struct err *err)
{
    _cleanup_free_ char(*ids)[37] = NULL;
    size_t count = 0;
    int r = vps_state_list(config, &ids, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct vps_state state;
        r = vps_state_load(config, ids[i], &state, err);
        if (r == ERR_NOT_FOUND) {
            r = 0;
            continue;
        }
        if (r == 0) {
            keep(cache, &state, "image");
            keep(cache, &state, "rescue");
            vps_state_finish(&state);
        }
    }
    return r;
}

static int by_use(const void *a, const void *b)
{
    const struct cached *one = a, *other = b;
    return one->used < other->used ? -1 : one->used > other->used;
}

// False: it is being used.
static int evict(const struct agent_config *config, const struct drivers *drivers,
                 const struct cached *image, bool *ret_gone, struct err *err)
{
    char path[PATH_SIZE];
    struct stat st;
    int r = lock_path(config, image->sha256, path, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "locking the image");
    }
    *ret_gone = flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 &&
                (image->used == 0 || st.st_mtime == image->used);
    if (!*ret_gone) {
        return 0;
    }
    r = drivers->volume->delete_image(config, image->sha256, err);
    if (r == 0) {
        unlink(path);
    }
    // Disks, or snapshots of them, lie above it, whatever their vps is made from by now.
    *ret_gone = r == 0;
    return r == ERR_CONFLICT ? 0 : r;
}

static int trim(const struct agent_config *config, const struct drivers *drivers,
                struct cache *cache, uint64_t limit, struct err *err)
{
    uint64_t bytes = cache->bytes;
    time_t rested = time(NULL) - REST_S;
    qsort(cache->images, cache->count, sizeof(cache->images[0]), by_use);
    for (size_t i = 0; i < cache->count && bytes > limit; i++) {
        const struct cached *image = &cache->images[i];
        bool gone = false;
        int r = image->used <= rested ? evict(config, drivers, image, &gone, err) : 0;
        if (r < 0) {
            return err_wrap(err, "image %s", image->sha256);
        }
        bytes -= gone ? image->bytes : 0;
    }
    return 0;
}

int image_cache_trim(const struct agent_config *config, const struct drivers *drivers,
                     struct err *err)
{
    struct cache cache = {0};
    uint64_t limit = (uint64_t)config->image_cache_bytes;
    int r = load(config, drivers, &cache, err);
    if (r == 0 && cache.bytes > limit) {
        r = keep_used(config, &cache, err);
        r = r < 0 ? r : trim(config, drivers, &cache, limit, err);
    }
    free(cache.images);
    return r;
}
