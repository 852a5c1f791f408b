// A sealed secret, whatever the database holds in its place: it opens to what was sealed or not at all. The first byte chooses
// between a text to be opened and one to be the file of keys.
#include "fuzz.h"
#include "secret_box.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The file is opened without following a link, so /proc/self/fd does not do.
static int load(const void *text, size_t len, struct secret_box **ret_box, struct err *err)
{
    char path[] = "/tmp/croft-fuzz-XXXXXX";
    int fd = mkstemp(path);
    FUZZ_CHECK(fd >= 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
    int r = secret_box_load(path, ret_box, err);
    close(fd);
    unlink(path);
    return r;
}

static void open_text(const char *sealed)
{
    static const char keys[] =
        "one 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    struct secret_box *box = NULL;
    char *text = NULL;
    struct err err = {0};
    FUZZ_CHECK(load(keys, strlen(keys), &box, &err) == 0);
    int r = secret_open(box, "fuzz", sealed, &text, &err);
    FUZZ_CHECK(r == 0 ||
               (!text && err.text[0] && (err.code == ERR_INVALID || err.code == ERR_NOT_FOUND)));
    free(text);
    secret_box_destroy(box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FUZZ_CHECK(sodium_init() >= 0);
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'k') {
        struct secret_box *box = NULL;
        struct err err = {0};
        int r = load(data + 1, size - 1, &box, &err);
        FUZZ_CHECK(r == 0 ? box != NULL : err.text[0] != '\0');
        secret_box_destroy(box);
    } else {
        char *sealed = strndup((const char *)data + 1, size - 1);
        open_text(sealed);
        free(sealed);
    }
    return 0;
}
