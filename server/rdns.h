// Tells name servers what addresses are called: takes due changes from the database (croft_rdns_claim()), each leased to one
// worker, and writes them through the HTTP API of PowerDNS. One that fails is tried again with growing pauses.
#pragma once

#include "err.h"

#include <event2/event.h>

struct db;
struct server_config;
struct rdns;

// Without a URL in the configuration nothing is told nor waits; names are told once there is one. config and db must outlive it.
struct rdns *rdns_start(struct event_base *base, struct db *db, const struct server_config *config);

// What is under way is told again by another worker when its lease ends. NULL is fine.
void rdns_stop(struct rdns *rdns);

// The zone of the list that holds the reverse name (both end in a dot), the longest first; NULL: none does.
const char *rdns_zone_of(const char *const *zones, size_t count, const char *reverse);
