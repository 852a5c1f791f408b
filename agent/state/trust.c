#include "trust.h"

#include "config.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_DIGITS = 64 };

void trust_path(const struct agent_config *config, const char *name, char ret_path[PATH_MAX])
{
    snprintf(ret_path, PATH_MAX, "%s/trust/%s", config->state_dir, name);
}

static int write_text(const struct agent_config *config, const char *name, const char *text,
                      struct err *err)
{
    char path[PATH_MAX];
    trust_path(config, name, path);
    return file_write_atomic(path, text, strlen(text), 0644, err);
}

int trust_store(const struct agent_config *config, const char *ca, const char *image_key,
                struct err *err)
{
    if (strlen(image_key) != KEY_DIGITS || strspn(image_key, "0123456789abcdef") != KEY_DIGITS) {
        return err_set(err, ERR_PROTOCOL, "the image key is not 64 hex digits");
    }
    int r = write_text(config, "ca.crt", ca, err);
    return r < 0 ? r : write_text(config, "image.pub", image_key, err);
}

static int read_key_text(const struct agent_config *config, char *text, size_t size,
                         struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    trust_path(config, "image.pub", path);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_set(err, ERR_IMAGE, "this node has no image key: %s", strerrordesc_np(errno));
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        return err_set(err, ERR_IMAGE, "this node's image key could be somebody else's");
    }
    ssize_t n = read(fd, text, size - 1);
    if (n < 0) {
        return err_set(err, ERR_IMAGE, "this node has no image key: %s", strerrordesc_np(errno));
    }
    text[n] = '\0';
    return 0;
}

int trust_image_key(const struct agent_config *config, unsigned char ret_key[32], struct err *err)
{
    char text[128];
    size_t len = 0;
    const char *end;
    int r = read_key_text(config, text, sizeof(text), err);
    if (r < 0) {
        return r;
    }
    if (sodium_hex2bin(ret_key, 32, text, strlen(text), "\n", &len, &end) < 0 || len != 32 ||
        *end != '\0') {
        return err_set(err, ERR_IMAGE, "this node's image key is not 64 hex digits");
    }
    return 0;
}
