// Static, for the inside of a guest: makes one system call, `ask NUMBER [ARGUMENT...]`, an argument being a number or "/", which
// is a descriptor of the root; says 0 or the error's number.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARGUMENTS = 6 };

int main(int argc, char **argv)
{
    static char zeros[8192]; // what a pointer points to
    unsigned long values[ARGUMENTS] = {0};
    for (int i = 2; i < argc && i < 2 + ARGUMENTS; i++) {
        values[i - 2] = strcmp(argv[i], "/") == 0 ? (unsigned long)open("/", O_RDONLY | O_DIRECTORY)
                        : strcmp(argv[i], "0s") == 0 ? (unsigned long)zeros
                                                     : strtoul(argv[i], NULL, 0);
    }
    long r = syscall(strtol(argv[1], NULL, 0), values[0], values[1], values[2], values[3],
                     values[4], values[5]);
    printf("%d\n", r < 0 ? errno : 0);
    return 0;
}
