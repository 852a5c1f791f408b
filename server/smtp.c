#include "smtp.h"

#include "macro.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/queue.h>

struct transfer {
    TAILQ_ENTRY(transfer) link;
    struct smtp *smtp;
    CURL *easy;
    struct curl_slist *to;
    char *message;
    size_t at, len;
    char error[CURL_ERROR_SIZE];
    smtp_done *done;
    void *arg;
};

struct smtp {
    struct event_base *base;
    struct smtp_config config;
    char *url;
    CURLM *multi;
    struct event *timer;
    TAILQ_HEAD(, transfer) transfers;
};

static void transfer_free(struct transfer *transfer)
{
    TAILQ_REMOVE(&transfer->smtp->transfers, transfer, link);
    curl_multi_remove_handle(transfer->smtp->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->to);
    free(transfer->message);
    free(transfer);
}

// What has ended is called back and freed.
static void reap(struct smtp *smtp)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(smtp->multi, &left))) {
        struct transfer *transfer = NULL;
        long code = 0;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &code);
        const char *error = transfer->error[0] ? transfer->error : curl_easy_strerror(result);
        transfer->done(result == CURLE_OK ? NULL : error, code, transfer->arg);
        transfer_free(transfer);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct smtp *smtp = arg;
    int running,
        bits = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(smtp->multi, fd, bits, &running);
    reap(smtp);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct smtp *smtp = arg;
    int running;
    curl_multi_socket_action(smtp->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(smtp);
}

// curl says which events of a socket it waits for.
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct smtp *smtp = arg;
    struct event *event = socket_arg;
    if (event) {
        event_free(event);
    }
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(smtp->multi, fd, NULL);
        return 0;
    }
    short kinds = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                          (what & CURL_POLL_OUT ? EV_WRITE : 0));
    event = event_new(smtp->base, fd, kinds, on_socket, smtp);
    event_add(event, NULL);
    curl_multi_assign(smtp->multi, fd, event);
    return 0;
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    struct smtp *smtp = arg;
    if (ms < 0) {
        evtimer_del(smtp->timer);
    } else {
        struct timeval tv = {ms / 1000, ms % 1000 * 1000};
        evtimer_add(smtp->timer, &tv);
    }
    return 0;
}

int smtp_create(struct event_base *base, const struct smtp_config *config, struct smtp **ret_smtp,
                struct err *err)
{
    struct smtp *smtp = calloc(1, sizeof(*smtp));
    smtp->base = base;
    smtp->config = *config;
    TAILQ_INIT(&smtp->transfers);
    const char *scheme = strcmp(config->tls, "tls") == 0 ? "smtps" : "smtp";
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(smtp->multi = curl_multi_init()) ||
        asprintf(&smtp->url, "%s://%s", scheme, config->server) < 0) {
        free(smtp);
        return err_set(err, ERR_UNAVAILABLE, "libcurl does not start");
    }
    smtp->timer = evtimer_new(base, on_timer, smtp);
    curl_multi_setopt(smtp->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(smtp->multi, CURLMOPT_SOCKETDATA, smtp);
    curl_multi_setopt(smtp->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(smtp->multi, CURLMOPT_TIMERDATA, smtp);
    *ret_smtp = smtp;
    return 0;
}

void smtp_destroy(struct smtp *smtp)
{
    if (!smtp) {
        return;
    }
    struct transfer *transfer;
    while ((transfer = TAILQ_FIRST(&smtp->transfers))) {
        transfer_free(transfer);
    }
    curl_multi_cleanup(smtp->multi);
    event_free(smtp->timer);
    free(smtp->url);
    free(smtp);
    curl_global_cleanup();
}

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = transfer->len - transfer->at;
    len = len < size * count ? len : size * count;
    memcpy(to, transfer->message + transfer->at, len);
    transfer->at += len;
    return len;
}

static void set_options(const struct smtp *smtp, struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    const struct smtp_config *config = &smtp->config;
    curl_easy_setopt(easy, CURLOPT_URL, smtp->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)config->timeout_s);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     strcmp(config->tls, "none") == 0 ? (long)CURLUSESSL_NONE
                                                      : (long)CURLUSESSL_ALL);
    if (config->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    }
    if (config->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, config->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, config->password);
    }
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, config->from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, transfer->to);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
}

int smtp_send(struct smtp *smtp, const char *to, char *message, smtp_done *done, void *arg,
              struct err *err)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    transfer->smtp = smtp;
    transfer->message = message;
    transfer->len = strlen(message);
    transfer->done = done;
    transfer->arg = arg;
    transfer->easy = curl_easy_init();
    transfer->to = curl_slist_append(NULL, to);
    TAILQ_INSERT_TAIL(&smtp->transfers, transfer, link);
    set_options(smtp, transfer);
    if (curl_multi_add_handle(smtp->multi, transfer->easy) != CURLM_OK) {
        transfer_free(transfer);
        return err_set(err, ERR_UNAVAILABLE, "libcurl takes no more");
    }
    return 0;
}
