// A file of stolen passwords, whatever is in it: an answer or an error, and an end.
#include "breach.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("breach", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bool found = false;
    struct err err = {0};
    int r = breach_find(path, "password", &found, &err);
    FUZZ_CHECK(r == 0 || (err.code == ERR_INVALID && err.text[0]));
    FUZZ_CHECK(r < 0 || !found || size >= 40);
    close(fd);
    return 0;
}
