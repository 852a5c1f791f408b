// Counters of this worker, as Prometheus text.
#pragma once

#include <event2/buffer.h>
#include <stdint.h>

struct metrics;

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);
// route: the row's index, -1 for none.
void metrics_count(struct metrics *metrics, int route, int status, int64_t micros);
void metrics_print(const struct metrics *metrics, struct evbuffer *to);
