// Where a customer may point a webhook: whatever is taken, its host is a name or a public address.
#include "address.h"
#include "fuzz.h"
#include "macro.h"
#include "webhook_target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct target_rules strict = {0};
    _cleanup_free_ char *text = strndup((const char *)data, size);
    FUZZ_CHECK(text);
    struct target target;
    struct err err = {0};
    if (target_parse(text, &strict, &target, &err) < 0) {
        FUZZ_CHECK(err.code == ERR_INVALID && err.text[0]);
        return 0;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    FUZZ_CHECK(target.host[0] && target.port[0] && !strpbrk(target.host, "/@%[] \\"));
    if (inet_pton(AF_INET, target.host, &v4.sin_addr) == 1) {
        FUZZ_CHECK(!address_reserved((struct sockaddr *)&v4));
    }
    if (inet_pton(AF_INET6, target.host, &v6.sin6_addr) == 1) {
        FUZZ_CHECK(!address_reserved((struct sockaddr *)&v6));
    }
    return 0;
}
