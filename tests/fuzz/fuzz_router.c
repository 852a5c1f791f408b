// The router: the first byte is the method, the rest a path.
#include "fuzz.h"
#include "macro.h"
#include "routes.h"
#include "uuid.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    _cleanup_free_ char *path = strndup((const char *)data + 1, size - 1);
    FUZZ_CHECK(path);
    enum evhttp_cmd_type method = (enum evhttp_cmd_type)(1u << (data[0] % 9));
    struct route_match match = {0};
    route_find(method, path, &match);
    if (match.route) {
        FUZZ_CHECK(match.route == route_at(match.index) && match.route->method == method);
        FUZZ_CHECK(match.allowed & method);
        FUZZ_CHECK(!strstr(match.route->path, "{id}") || uuid_is(match.id));
    }
    char allow[256];
    route_allow(match.allowed, allow, sizeof(allow));
    FUZZ_CHECK(memchr(allow, '\0', sizeof(allow)));
    return 0;
}
