// A task's spec: what passes is within the node's bounds, whatever the server says.
#include "config.h"
#include "fuzz.h"
#include "json.h"
#include "spec.h"

#include <string.h>

static const char vps[] = "01234567-89ab-7def-8123-456789abcdef";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct agent_config config = {.state_dir = "/nonexistent"};
    config.ids.base = 1000000;
    config.ids.count = 100;
    _cleanup_json_ json_t *tree = NULL;
    struct err err = {0};
    struct vps_spec spec = {0};
    if (json_read((const char *)data, size, JSON_DEPTH_MAX, &tree, &err) < 0 ||
        spec_decode(&config, vps, 1, tree, &spec, &err) < 0) {
        FUZZ_CHECK(err.text[0]);
        return 0;
    }
    FUZZ_CHECK(spec.id_base >= 1000000 && spec.id_base <= 1000000u + 99u * IDS_PER_VPS);
    FUZZ_CHECK((spec.id_base - 1000000) % IDS_PER_VPS == 0);
    FUZZ_CHECK(!strpbrk(spec.hostname, "/\n ") && spec.address_count <= SPEC_ADDRESSES_MAX);
    for (size_t i = 0; i < spec.ssh_key_count; i++) {
        FUZZ_CHECK(!strpbrk(spec.ssh_keys[i], "\n\r"));
    }
    FUZZ_CHECK(strspn(spec.image.sha256, "0123456789abcdef") == 64);
    spec_finish(&spec);
    return 0;
}
