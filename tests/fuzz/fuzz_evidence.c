// What a customer is shown of a guest: the kernel's log, its counters and pressure, the guest's own console.
#include "cgroup_io.h"
#include "fuzz.h"
#include "guest_log.h"
#include "oom.h"

#include <stdlib.h>
#include <string.h>

static void eat_kernel(const char *text)
{
    static const struct io_words words = {" rbytes=", " wbytes="};
    struct oom_kill kill;
    struct pressure pressure;
    struct io_sums sums = {0};
    if (oom_parse(text, &kill)) {
        FUZZ_CHECK(strlen(kill.process) < OOM_PROCESS_SIZE);
        for (const char *c = kill.process; *c; c++) {
            FUZZ_CHECK(*c >= 0x20 && *c < 0x7f);
        }
    }
    pressure_parse(text, &pressure);
    FUZZ_CHECK(!pressure.some.known || pressure.some.avg10 < 10100);
    cgroup_io_sum(text, &words, &(struct pool_disks){0}, &sums);
}

static void eat_console(char *text, size_t size)
{
    size_t len = size;
    guest_log_clean(text, &len);
    FUZZ_CHECK(len <= size);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        FUZZ_CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
    }
    text[len] = '\0';
    json_t *string = json_stringn(text, len); // refuses what is not UTF-8
    FUZZ_CHECK(string);
    json_decref(string);
    size_t again = len;
    guest_log_clean(text, &again);
    FUZZ_CHECK(again == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    eat_kernel(text);
    eat_console(text, size);
    free(text);
    return 0;
}
