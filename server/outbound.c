#include "outbound.h"

#include "macro.h"

#include <stdlib.h>

struct outbound {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
};

struct transfer {
    outbound_done *done;
    void *arg;
};

static void *must(void *made)
{
    if (!made) {
        abort();
    }
    return made;
}

static struct transfer *transfer_of(CURL *easy)
{
    char *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    return (struct transfer *)transfer;
}

static void tell_ended(struct outbound *outbound)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(outbound->multi, &left))) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; // gone with the handle
        struct transfer transfer = *transfer_of(easy);
        outbound_cancel(outbound, easy);
        transfer.done(code, transfer.arg);
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct outbound *outbound = arg;
    int running;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(outbound->multi, fd, flags, &running);
    tell_ended(outbound);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct outbound *outbound = arg;
    int running;
    curl_multi_socket_action(outbound->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_ended(outbound);
}

// libcurl says what it waits for on a socket; the event of before is its own pointer to us.
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *old)
{
    struct outbound *outbound = arg;
    struct event *event = NULL;
    if (old) {
        event_free(old);
    }
    if (what != CURL_POLL_REMOVE) {
        short flags = EV_PERSIST;
        flags |= what & CURL_POLL_IN ? EV_READ : 0;
        flags |= what & CURL_POLL_OUT ? EV_WRITE : 0;
        event = must(event_new(outbound->base, fd, flags, on_socket, outbound));
        event_add(event, NULL);
    }
    curl_multi_assign(outbound->multi, fd, event);
    return 0;
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
    struct outbound *outbound = arg;
    if (ms < 0) {
        evtimer_del(outbound->timer);
    } else {
        struct timeval tv = {ms / 1000, ms % 1000 * 1000};
        evtimer_add(outbound->timer, &tv);
    }
    return 0;
}

struct outbound *outbound_create(struct event_base *base)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct outbound *outbound = must(calloc(1, sizeof(*outbound)));
    outbound->base = base;
    outbound->timer = must(evtimer_new(base, on_timer, outbound));
    outbound->multi = must(curl_multi_init());
    curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    curl_multi_setopt(outbound->multi, CURLMOPT_SOCKETDATA, outbound);
    curl_multi_setopt(outbound->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(outbound->multi, CURLMOPT_TIMERDATA, outbound);
    return outbound;
}

void outbound_destroy(struct outbound *outbound)
{
    if (outbound) {
        curl_multi_cleanup(outbound->multi);
        event_free(outbound->timer);
        free(outbound);
    }
}

void outbound_start(struct outbound *outbound, CURL *easy, outbound_done *done, void *arg)
{
    struct transfer *transfer = must(calloc(1, sizeof(*transfer)));
    *transfer = (struct transfer){done, arg};
    curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)transfer);
    curl_multi_add_handle(outbound->multi, easy);
}

void outbound_cancel(struct outbound *outbound, CURL *easy)
{
    curl_multi_remove_handle(outbound->multi, easy);
    free(transfer_of(easy));
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
}
