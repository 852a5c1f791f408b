// The host's own texts that reach a task: liblxc's log of a start, and the first process's cgroups.
#include "cgroup_base.h"
#include "container_lxc_log.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[LXC_REASON_SIZE], base[CGROUP_BASE_SIZE];
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    lxc_log_summarise(text, "/var/lib/croft/agent", reason);
    for (const char *c = reason; *c; c++) {
        FUZZ_CHECK(*c >= 0x20 && *c < 0x7f);
    }
    cgroup_base_parse(text, "memory", base);
    FUZZ_CHECK(strlen(base) < CGROUP_BASE_SIZE && !strstr(base, "/../"));
    free(text);
    return 0;
}
