// Every body and every query of the API: the first byte picks the route, the rest is a body, and, cut at
// each newline into name and value, a query.
#include "bodies.h"
#include "fuzz.h"
#include "json.h"
#include "routes.h"

#include <string.h>

enum { PARAMETERS_MAX = 32 };

static void read_body(const struct route *route, const char *text, size_t len)
{
    _cleanup_json_ json_t *body = NULL;
    struct err err = {0};
    if (json_read(text, len, JSON_DEPTH_MAX, &body, &err) < 0 ||
        field_check(route->body, body, &err) < 0 ||
        bodies_check_words(route->body, body, &err) < 0) {
        FUZZ_CHECK(err.text[0] && strlen(err.pointer) < sizeof(err.pointer));
    }
}

static void read_query(const struct route *route, char *text)
{
    const char *names[PARAMETERS_MAX], *values[PARAMETERS_MAX];
    int count = 0;
    char *at = NULL;
    for (char *name = strtok_r(text, "\n", &at); name && count < PARAMETERS_MAX;
         name = strtok_r(NULL, "\n", &at)) {
        char *equals = strchr(name, '=');
        names[count] = name;
        values[count++] = equals ? equals + 1 : "";
        if (equals) {
            *equals = '\0';
        }
    }
    _cleanup_json_ json_t *query = NULL;
    struct err err = {0};
    if (bodies_read_query(route->query, names, values, count, &query, &err) < 0) {
        FUZZ_CHECK(err.text[0] && !query);
    } else {
        FUZZ_CHECK(json_is_object(query));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const struct route *route = route_at(data[0] % routes_count());
    if (route->body) {
        read_body(route, (const char *)data + 1, size - 1);
    }
    if (route->query) {
        _cleanup_free_ char *text = strndup((const char *)data + 1, size - 1);
        FUZZ_CHECK(text);
        read_query(route, text);
    }
    return 0;
}
