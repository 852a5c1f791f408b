#include "smtp.h"

#include "macro.h"
#include "outbound.h"

#include <stdbool.h>
#include <string.h>
#include <sys/queue.h>

struct transfer {
    TAILQ_ENTRY(transfer) link;
    struct smtp *smtp;
    CURL *easy;
    struct curl_slist *to;
    char *message;
    size_t at, len;
    bool about_mail; // what the server answers now is about this mail: RCPT, DATA, the message
    char error[CURL_ERROR_SIZE];
    smtp_done *done;
    void *arg;
};

struct smtp {
    struct smtp_config config;
    char *url;
    struct outbound *outbound;
    TAILQ_HEAD(, transfer) transfers;
};

static void transfer_free(struct transfer *transfer)
{
    TAILQ_REMOVE(&transfer->smtp->transfers, transfer, link);
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->to);
    free(transfer->message);
    free(transfer);
}

// A 5xx to the greeting, the login or the sender is about this server of ours and may be mended; one to what is this mail's
// own will be the same tomorrow.
static enum smtp_outcome outcome_of(const struct transfer *transfer, CURLcode result)
{
    long code = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
    if (result == CURLE_OK) {
        return SMTP_SENT;
    }
    return transfer->about_mail && code >= 500 && code < 600 ? SMTP_REFUSED : SMTP_FAILED;
}

static void on_ended(CURLcode result, void *arg)
{
    struct transfer *transfer = arg;
    const char *error = transfer->error[0] ? transfer->error : curl_easy_strerror(result);
    transfer->done(outcome_of(transfer, result), result == CURLE_OK ? NULL : error, transfer->arg);
    transfer_free(transfer);
}

// libcurl's result does not tell which command was refused; what it sends does.
static int on_trace(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
    static const char *const own[] = {"RCPT ", "DATA"};
    struct transfer *transfer = arg;
    for (size_t i = 0; i < ARRAY_LEN(own) && type == CURLINFO_HEADER_OUT; i++) {
        if (len >= strlen(own[i]) && memcmp(bytes, own[i], strlen(own[i])) == 0) {
            transfer->about_mail = true;
        }
    }
    return 0;
}

struct smtp *smtp_create(struct event_base *base, const struct smtp_config *config)
{
    struct smtp *smtp = calloc(1, sizeof(*smtp));
    smtp->config = *config;
    TAILQ_INIT(&smtp->transfers);
    const char *scheme = strcmp(config->tls, "tls") == 0 ? "smtps" : "smtp";
    if (asprintf(&smtp->url, "%s://%s", scheme, config->server) < 0) {
        abort();
    }
    smtp->outbound = outbound_create(base);
    return smtp;
}

void smtp_destroy(struct smtp *smtp)
{
    if (!smtp) {
        return;
    }
    struct transfer *transfer;
    while ((transfer = TAILQ_FIRST(&smtp->transfers))) {
        outbound_cancel(smtp->outbound, transfer->easy);
        transfer_free(transfer);
    }
    outbound_destroy(smtp->outbound);
    free(smtp->url);
    free(smtp);
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
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_trace);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
}

void smtp_send(struct smtp *smtp, const char *to, char *message, smtp_done *done, void *arg)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    transfer->smtp = smtp;
    transfer->message = message;
    transfer->len = strlen(message);
    transfer->done = done;
    transfer->arg = arg;
    transfer->easy = curl_easy_init();
    transfer->to = curl_slist_append(NULL, to);
    if (!transfer->easy || !transfer->to) {
        abort();
    }
    TAILQ_INSERT_TAIL(&smtp->transfers, transfer, link);
    set_options(smtp, transfer);
    outbound_start(smtp->outbound, transfer->easy, on_ended, transfer);
}
