#include "cgroup_io.h"

#include <string.h>
#include <sys/sysmacros.h>

static bool is_of(const char *line, const struct pool_disks *disks)
{
    unsigned major_number, minor_number;
    if (disks->count == 0) {
        return true;
    }
    if (sscanf(line, "%u:%u ", &major_number, &minor_number) != 2) {
        return false;
    }
    for (size_t i = 0; i < disks->count; i++) {
        if (disks->disks[i] == makedev(major_number, minor_number)) {
            return true;
        }
    }
    return false;
}

static uint64_t behind(const char *line, const char *end, const char *word)
{
    const char *at = strstr(line, word);
    return at && at < end ? strtoull(at + strlen(word), NULL, 10) : 0;
}

void cgroup_io_sum(const char *text, const struct io_words *words, const struct pool_disks *disks,
                   struct io_sums *sums)
{
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        if (is_of(line, disks)) {
            sums->reads += behind(line, end, words->read);
            sums->writes += behind(line, end, words->write);
        }
        line = *end ? end + 1 : end;
    }
}
