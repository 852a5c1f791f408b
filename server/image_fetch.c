#include "image_fetch.h"

#include "file.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, REDIRECTS_MAX = 5, CONNECT_S = 30, STALL_S = 60 };

struct fetch {
    int fd;
    int64_t left;
    struct err *err;
};

static int take(struct fetch *fetch, const char *data, size_t len)
{
    if ((int64_t)len > fetch->left) {
        return err_set(fetch->err, ERR_TOO_LARGE, "it is larger than it may be");
    }
    fetch->left -= (int64_t)len;
    return file_write_all(fetch->fd, data, len, fetch->err);
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    return take(arg, data, size * count) == 0 ? size * count : CURL_WRITEFUNC_ERROR;
}

bool image_fetch_is_url(const char *where)
{
    return strncmp(where, "https://", 8) == 0 || strncmp(where, "http://", 7) == 0;
}

static int fetch_url(const char *url, struct fetch *fetch)
{
    CURL *easy = curl_easy_init();
    if (!easy) {
        abort();
    }
    const char *protocols = strncmp(url, "https:", 6) == 0 ? "https" : "http,https";
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    CURLcode code = curl_easy_perform(easy);
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(easy);
    if (fetch->err->code < 0) {
        return fetch->err->code;
    }
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        return err_set(fetch->err, ERR_NOT_FOUND, "the answer is %ld", status);
    }
    return code == CURLE_OK ? 0
                            : err_set(fetch->err, ERR_UNAVAILABLE, "%s", curl_easy_strerror(code));
}

static int fetch_file(const char *path, struct fetch *fetch)
{
    _cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0) {
        return err_errno(fetch->err, errno, "opening it");
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(fetch->err, ERR_INVALID, "it is no regular file");
    }
    _cleanup_free_ char *chunk = malloc(CHUNK);
    if (!chunk) {
        abort();
    }
    for (;;) {
        ssize_t n = read(from, chunk, CHUNK);
        if (n < 0 && errno != EINTR) {
            return err_errno(fetch->err, errno, "reading it");
        }
        if (n == 0) {
            return 0;
        }
        int r = n > 0 ? take(fetch, chunk, (size_t)n) : 0;
        if (r < 0) {
            return r;
        }
    }
}

int image_fetch(const char *where, int fd, int64_t max, struct err *err)
{
    struct err own = {0};
    struct fetch fetch = {.fd = fd, .left = max, .err = &own};
    int r = image_fetch_is_url(where) ? fetch_url(where, &fetch) : fetch_file(where, &fetch);
    return r < 0 ? err_set(err, own.code, "%s: %s", where, own.text) : 0;
}
