#include "guest_unique.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct place {
    const char *folder, *name;
};

// What is kept for the next boot's random numbers: systemd, sysvinit, OpenRC and busybox.
static const struct place seeds[] = {
    {"var/lib/systemd", "random-seed"},    {"var/lib/urandom", "random-seed"},
    {"var/lib/misc", "random-seed"},       {"var/lib/seedrng", "seed.credit"},
    {"var/lib/seedrng", "seed.no-credit"},
};

// The second machine-id, where it is no link to the first: dbus makes it again.
static const struct place secrets[] = {
    {"var/lib/systemd", "credential.secret"},
    {"var/lib/dbus", "machine-id"},
};

// Host keys by the beginning of their names, and what has their server make new ones where nothing else does.
static const struct server {
    struct place keys;
    const char *drop_in; // folder of units
    const char *text;
} servers[] = {
    {{"etc/ssh", "ssh_host_"},
     "ssh.service.d",
     "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\n"
     "ExecStartPre=/usr/sbin/sshd -t\n"},
    {{"etc/dropbear", "dropbear_"},
     "dropbear.service.d",
     "[Service]\nExecStartPre=/bin/sh -c 'for t in rsa ecdsa ed25519; do "
     "f=/etc/dropbear/dropbear_$${t}_host_key; [ -e $$f ] || dropbearkey -t $$t -f $$f; done'\n"},
};

static int write_machine_id(const struct guest *guest)
{
    unsigned char id[16];
    char text[2 * sizeof(id) + 2];
    if (getrandom(id, sizeof(id), 0) != sizeof(id)) {
        return err_errno(guest->err, errno, "drawing a machine id");
    }
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    for (size_t i = 0; i < sizeof(id); i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    text[2 * sizeof(id)] = '\n';
    text[2 * sizeof(id) + 1] = '\0';
    return guest_replace_file(guest, "etc", "machine-id", 0444, text);
}

static int forget(const struct guest *guest, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_fd_ int dir = guest_open_folder(guest, places[i].folder);
        if (dir < 0 && dir != ERR_NOT_FOUND) {
            return dir;
        }
        if (dir >= 0 && unlinkat(dir, places[i].name, 0) < 0 && errno != ENOENT) {
            return err_set(guest->err, ERR_IMAGE, "/%s/%s of the image is not usable: %s",
                           places[i].folder, places[i].name, strerrordesc_np(errno));
        }
    }
    return 0;
}

int guest_forget_random_seeds(const struct guest *guest)
{
    return forget(guest, seeds, ARRAY_LEN(seeds));
}

// Returns how many were removed, or an error code.
static int remove_keys(const struct guest *guest, const struct place *keys)
{
    int fd = guest_open_folder(guest, keys->folder);
    if (fd < 0) {
        return fd == ERR_NOT_FOUND ? 0 : fd;
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return err_errno(guest->err, errno, "reading /%s of the guest", keys->folder);
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, keys->name, strlen(keys->name)) == 0 &&
            unlinkat(fd, entry->d_name, 0) == 0) {
            count++;
        }
    }
    closedir(dir);
    return count;
}

// An image that came with host keys has nothing that makes them again: then its service does.
static int renew_keys(const struct guest *guest, const struct server *server)
{
    char folder[64];
    int removed = remove_keys(guest, &server->keys);
    if (removed <= 0) {
        return removed;
    }
    snprintf(folder, sizeof(folder), "etc/systemd/system/%s", server->drop_in);
    int r = guest_make_folder(guest, "etc/systemd/system", server->drop_in, 0755);
    if (r == 0) {
        r = guest_replace_file(guest, folder, "croft.conf", 0644, server->text);
    }
    return r == ERR_NOT_FOUND ? 0 : r;
}

int guest_make_unique(const struct guest *guest)
{
    int r = write_machine_id(guest);
    if (r == 0) {
        r = forget(guest, secrets, ARRAY_LEN(secrets));
    }
    if (r == 0) {
        r = guest_forget_random_seeds(guest);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(servers); i++) {
        r = renew_keys(guest, &servers[i]);
    }
    return r;
}
