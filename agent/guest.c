#include "guest.h"

#include "config.h"
#include "guest_files.h"
#include "guest_identity.h"
#include "sysfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

enum { TEXT_SIZE = 4096, NAMESERVERS_MAX = 3 };

static int write_names(const struct guest *guest, const struct vps_spec *spec)
{
    char text[512];
    snprintf(text, sizeof(text), "%s\n", spec->hostname);
    int r = guest_replace_file(guest, "etc", "hostname", 0644, text);
    if (r < 0) {
        return r;
    }
    snprintf(text, sizeof(text),
             "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost ip6-loopback\n"
             "ff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n",
             spec->hostname);
    return guest_replace_file(guest, "etc", "hosts", 0644, text);
}

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

// What systemd kept for the next boot's random numbers: no two guests may begin with the same.
static int forget_seeds(const struct guest *guest)
{
    static const char *const names[] = {"random-seed", "credential.secret"};
    _cleanup_fd_ int dir = guest_open_folder(guest, "var/lib/systemd");
    if (dir < 0) {
        return dir == ERR_NOT_FOUND ? 0 : dir;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT) {
            return err_set(guest->err, ERR_IMAGE,
                           "/var/lib/systemd/%s of the image is not usable: %s", names[i],
                           strerrordesc_np(errno));
        }
    }
    return 0;
}

// Copies the node's name servers, except those that only the node itself can reach.
static size_t pick_nameservers(const char *resolv, char *out, size_t size)
{
    size_t used = 0;
    unsigned count = 0;
    for (const char *line = resolv; line && *line && count < NAMESERVERS_MAX;) {
        char address[46];
        if (sscanf(line, "nameserver %45s", address) == 1 && strncmp(address, "127.", 4) != 0 &&
            strcmp(address, "::1") != 0 && !strchr(address, '%') &&
            address[strspn(address, "0123456789abcdefABCDEF:.")] == '\0') {
            used += (size_t)snprintf(out + used, size - used, "nameserver %s\n", address);
            count++;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return used;
}

static int write_resolv_conf(const struct guest *guest)
{
    // systemd-resolved's list of real servers stands in for its local stub.
    static const char *const sources[] = {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        char resolv[TEXT_SIZE], text[256];
        if (sysfile_read(sources[i], resolv, sizeof(resolv), NULL) == 0 &&
            pick_nameservers(resolv, text, sizeof(text)) > 0) {
            return guest_replace_file(guest, "etc", "resolv.conf", 0644, text);
        }
    }
    return 0; // the image's own stays
}

// liblxc has set addresses and routes before init runs; networkd must leave them alone.
static int write_network(const struct guest *guest)
{
    int r = guest_replace_file(guest, "etc/systemd/network", "10-croft.network", 0644,
                               "[Match]\nName=eth0\n\n[Link]\nUnmanaged=yes\n");
    return r == ERR_NOT_FOUND ? 0 : r;
}

// Returns how many SSH host keys were removed, or an error code.
static int remove_host_keys(const struct guest *guest)
{
    int fd = guest_open_folder(guest, "etc/ssh");
    if (fd < 0) {
        return fd == ERR_NOT_FOUND ? 0 : fd;
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return err_errno(guest->err, errno, "reading /etc/ssh of the guest");
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "ssh_host_", 9) == 0 && unlinkat(fd, entry->d_name, 0) == 0) {
            count++;
        }
    }
    closedir(dir);
    return count;
}

// An image that came with host keys has nothing that makes them again: then ssh.service does.
static int renew_host_keys(const struct guest *guest)
{
    int removed = remove_host_keys(guest);
    if (removed <= 0) {
        return removed;
    }
    int r = guest_make_folder(guest, "etc/systemd/system", "ssh.service.d", 0755);
    if (r == 0) {
        r = guest_replace_file(guest, "etc/systemd/system/ssh.service.d", "croft.conf", 0644,
                               "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\n"
                               "ExecStartPre=/usr/sbin/sshd -t\n");
    }
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int prepare(const struct guest *guest, const struct vps_spec *spec)
{
    int r = write_names(guest, spec);
    if (r == 0) {
        r = write_machine_id(guest);
    }
    if (r == 0) {
        r = forget_seeds(guest);
    }
    if (r == 0) {
        r = write_resolv_conf(guest);
    }
    if (r == 0) {
        r = write_network(guest);
    }
    if (r == 0) {
        r = renew_host_keys(guest);
    }
    return r < 0 ? r : guest_write_keys(guest, spec);
}

int guest_prepare(const struct agent_config *config, const struct vps_spec *spec,
                  const struct volume_root *root, struct err *err)
{
    // So that the functions above need not tell whether anybody listens.
    struct err unheard = {0};
    struct guest guest;
    int r = guest_open(spec, root, err ? err : &unheard, &guest);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ _unused_ int fd = guest.root;
    r = prepare(&guest, spec);
    return r < 0 ? err_wrap(err, "writing into vps %s", spec->vps) : 0;
}

void guest_forget_seeds(const struct vps_spec *spec, const struct volume_root *root)
{
    struct err unheard = {0};
    struct guest guest;
    if (guest_open(spec, root, &unheard, &guest) == 0) {
        (void)!forget_seeds(&guest);
        close(guest.root);
    }
}
