// Runs a fuzz target over files and folders of files, without libFuzzer: seeds are plain tests.
#include "fuzz.h"

#include "macro.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 4 << 20 };

static int replayed;

static int replay_file(const char *path)
{
    _cleanup_file_ FILE *file = fopen(path, "re");
    if (!file) {
        perror(path);
        return -1;
    }
    // Exactly as large as the input, so that AddressSanitizer sees a read behind it.
    static uint8_t buffer[INPUT_MAX];
    size_t len = fread(buffer, 1, sizeof(buffer), file);
    _cleanup_free_ uint8_t *data = malloc(len ? len : 1);
    if (!data) {
        abort();
    }
    memcpy(data, buffer, len);
    LLVMFuzzerTestOneInput(data, len);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path);
    }
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    int rc = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        char inner[PATH_MAX];
        snprintf(inner, sizeof(inner), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && replay_file(inner) < 0) {
            rc = -1;
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    return rc;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed |= replay(argv[i]) < 0;
    }
    printf("%d inputs replayed\n", replayed);
    return failed || replayed == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
