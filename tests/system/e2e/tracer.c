// What a guest runs to keep a dead process from being reaped: traces the one that is named, in a session of its own, and never
// waits for it. Static, so that it runs in any guest.
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    pid_t pid = argc > 1 ? atoi(argv[1]) : 0;
    int said[2];
    char word;
    if (pid <= 0 || pipe(said) < 0) {
        return 2;
    }
    if (fork() == 0) {
        setsid();
        if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 || write(said[1], "+", 1) != 1) {
            return 1;
        }
        for (;;) {
            pause();
        }
    }
    close(said[1]);
    puts(read(said[0], &word, 1) == 1 ? "tra"
                                        "ced"
                                      : "refused");
    return 0;
}
