// libcurl's multi interface on a worker's event loop: transfers that wait for nobody.
#pragma once

#include <curl/curl.h>
#include <event2/event.h>

struct outbound; // of one worker

struct outbound *outbound_create(struct event_base *base);
void outbound_destroy(struct outbound *outbound); // no transfer may be left

// done is called once, from the event loop, when the transfer has ended; the handle is the caller's again then.
typedef void outbound_done(CURLcode code, void *arg);
void outbound_start(struct outbound *outbound, CURL *easy, outbound_done *done, void *arg);
void outbound_cancel(struct outbound *outbound, CURL *easy); // done is not called any more
