#include "metrics.h"

#include "routes.h"

#include <stdlib.h>

enum { CLASSES = 6 }; // 0: unused, 1xx … 5xx

struct route_metrics {
    uint64_t count[CLASSES];
    uint64_t micros;
};

struct metrics {
    struct route_metrics *rows; // the last one counts what matched no route
};

struct metrics *metrics_create(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    metrics->rows = calloc((size_t)routes_count() + 1, sizeof(*metrics->rows));
    return metrics;
}

void metrics_destroy(struct metrics *metrics)
{
    free(metrics->rows);
    free(metrics);
}

void metrics_count(struct metrics *metrics, int route, int status, int64_t micros)
{
    struct route_metrics *row = &metrics->rows[route < 0 ? routes_count() : route];
    int class = status / 100;
    row->count[class > 0 && class < CLASSES ? class : CLASSES - 1]++;
    row->micros += (uint64_t)micros;
}

static void print_row(const struct route_metrics *row, const char *method, const char *path,
                      struct evbuffer *to)
{
    uint64_t total = 0;
    for (int i = 1; i < CLASSES; i++) {
        total += row->count[i];
        if (row->count[i] > 0) {
            evbuffer_add_printf(
                to, "croft_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %llu\n",
                method, path, i, (unsigned long long)row->count[i]);
        }
    }
    if (total > 0) {
        evbuffer_add_printf(to,
                            "croft_http_request_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n"
                            "croft_http_request_seconds_count{method=\"%s\",route=\"%s\"} %llu\n",
                            method, path, (double)row->micros / 1e6, method, path,
                            (unsigned long long)total);
    }
}

void metrics_print(const struct metrics *metrics, struct evbuffer *to)
{
    evbuffer_add_printf(to, "# TYPE croft_http_requests_total counter\n"
                            "# TYPE croft_http_request_seconds summary\n");
    for (int i = 0; i < routes_count(); i++) {
        const struct route *route = route_at(i);
        print_row(&metrics->rows[i], route_method_name(route->method), route->path, to);
    }
    print_row(&metrics->rows[routes_count()], "any", "none", to);
}
