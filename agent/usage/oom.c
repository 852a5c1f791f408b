#include "oom.h"

#include "json.h"
#include "macro.h"
#include "uuid.h"

#include <inttypes.h>
#include <string.h>

enum { FACILITY_SHIFT = 3, VALUE_LEN = 24 };

static const char killed[] = ": Killed process ";

// The number between `before`, where it last occurs, and `after`. What a process calls itself stands in front of all the
// numbers, so that the last occurrence is the kernel's.
static bool last_number(const char *text, const char *before, const char *after, uint64_t *ret)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, before)); at++) {
        found = at;
    }
    if (!found) {
        return false;
    }
    found += strlen(before);
    char *end;
    *ret = strtoull(found, &end, 10);
    return end != found && end - found < VALUE_LEN && strncmp(end, after, strlen(after)) == 0;
}

// "15583 (tail) total-vm:…": a name may hold brackets and more, and ends where the numbers begin.
static bool read_process(const char *text, struct oom_kill *kill)
{
    char *open;
    kill->pid = strtoull(text, &open, 10);
    if (open == text || strncmp(open, " (", 2) != 0) {
        return false;
    }
    const char *name = open + 2, *close = NULL;
    for (const char *at = name; (at = strstr(at, ") total-vm:")); at++) {
        close = at;
    }
    if (!close) {
        return false;
    }
    size_t used = 0;
    for (const char *c = name; c < close && used + 1 < sizeof(kill->process); c++) {
        kill->process[used++] = *c >= 0x20 && *c < 0x7f ? *c : '?';
    }
    kill->process[used] = '\0';
    return true;
}

static bool read_numbers(const char *text, struct oom_kill *kill)
{
    uint64_t anon, file, shared;
    if (!last_number(text, " anon-rss:", "kB", &anon) ||
        !last_number(text, " file-rss:", "kB", &file) ||
        !last_number(text, " shmem-rss:", "kB", &shared) ||
        !last_number(text, " UID:", "", &kill->uid)) {
        return false;
    }
    const uint64_t most = UINT64_C(1) << 50; // kB; more than that is no number of the kernel's
    if (anon > most || file > most || shared > most) {
        return false;
    }
    kill->memory_bytes = (anon + file + shared) * 1024;
    return true;
}

// Only the kernel writes with facility 0, and no line of its own begins with something of a guest's that could be as long.
static const char *kernel_text(const char *record, struct oom_kill *kill)
{
    unsigned priority;
    const char *text = strchr(record, ';');
    if (!text ||
        sscanf(record, "%u,%" SCNu64 ",%" SCNu64, &priority, &kill->seq, &kill->at_us) != 3) {
        return NULL;
    }
    return priority >> FACILITY_SHIFT == 0 ? text + 1 : NULL;
}

bool oom_parse(const char *record, struct oom_kill *ret_kill)
{
    static const struct {
        const char *text;
        bool by_limit;
    } causes[] = {{"Memory cgroup out of memory", true},
                  {"Out of memory (oom_kill_allocating_task)", false},
                  {"Out of memory", false}};
    struct oom_kill kill = {0};
    const char *text = kernel_text(record, &kill);
    *ret_kill = (struct oom_kill){.seq = kill.seq};
    for (size_t i = 0; text && i < ARRAY_LEN(causes); i++) {
        size_t len = strlen(causes[i].text);
        if (strncmp(text, causes[i].text, len) != 0 ||
            strncmp(text + len, killed, strlen(killed)) != 0) {
            continue;
        }
        const char *process = text + len + strlen(killed);
        kill.by_limit = causes[i].by_limit;
        if (!read_process(process, &kill) || !read_numbers(process, &kill)) {
            return false;
        }
        *ret_kill = kill;
        return true;
    }
    return false;
}
