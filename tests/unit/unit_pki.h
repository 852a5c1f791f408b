// A certificate authority with a server and a client certificate in a temporary folder, made with the
// openssl command, so that our own code is checked against somebody else's.
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct unit_pki {
    char dir[64];
    char ca_cert[96], server_cert[96], server_key[96], client_cert[96], client_key[96];
};

static const char unit_pki_script[] =
    "cd \"$0\" || exit 1\n"
    "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "openssl req -x509 $ec -keyout ca.key -out ca.crt -days 2 -subj '/CN=ca' || exit 1\n"
    "for who in server client; do\n"
    "    printf 'extendedKeyUsage=%sAuth\\n' $who >$who.ext\n"
    "    openssl req $ec -keyout $who.key -out $who.csr -subj /CN=$who || exit 1\n"
    "    openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \\\n"
    "        -extfile $who.ext -out $who.crt || exit 1\n"
    "done\n";

static inline int unit_pki_shell(const char *script, const char *argument)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, argument, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

static inline void unit_pki_make(struct unit_pki *pki)
{
    snprintf(pki->dir, sizeof(pki->dir), "/tmp/croft-pki-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(pki->dir));
    char quiet[sizeof(unit_pki_script) + 32];
    snprintf(quiet, sizeof(quiet), "exec 2>/dev/null\n%s", unit_pki_script);
    ck_assert_int_eq(unit_pki_shell(quiet, pki->dir), 0);
    snprintf(pki->ca_cert, sizeof(pki->ca_cert), "%s/ca.crt", pki->dir);
    snprintf(pki->server_cert, sizeof(pki->server_cert), "%s/server.crt", pki->dir);
    snprintf(pki->server_key, sizeof(pki->server_key), "%s/server.key", pki->dir);
    snprintf(pki->client_cert, sizeof(pki->client_cert), "%s/client.crt", pki->dir);
    snprintf(pki->client_key, sizeof(pki->client_key), "%s/client.key", pki->dir);
}

static inline void unit_pki_remove(struct unit_pki *pki)
{
    unit_pki_shell("rm -rf \"$0\"", pki->dir);
}

// The first 64 characters that a command prints; $0 is the CA's certificate.
static inline void unit_pki_fingerprint(struct unit_pki *pki, const char *command, char out[65])
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command, pki->ca_cert, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    size_t len = 0;
    ssize_t n;
    while (len < 64 && (n = read(fds[0], out + len, 64 - len)) > 0) {
        len += (size_t)n;
    }
    out[len] = '\0';
    close(fds[0]);
    waitpid(pid, NULL, 0);
}
