#include "guest.h"

#include "config.h"
#include "guest_files.h"
#include "guest_identity.h"
#include "guest_unique.h"
#include "sysfile.h"

#include <string.h>

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

static int prepare(const struct guest *guest, const struct vps_spec *spec)
{
    int r = write_names(guest, spec);
    if (r == 0) {
        r = write_resolv_conf(guest);
    }
    if (r == 0) {
        r = write_network(guest);
    }
    if (r == 0) {
        r = guest_make_unique(guest);
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
    r = prepare(&guest, spec);
    guest_close(&guest);
    return r < 0 ? err_wrap(err, "writing into vps %s", spec->vps) : 0;
}

void guest_forget_seeds(const struct vps_spec *spec, const struct volume_root *root)
{
    struct err unheard = {0};
    struct guest guest;
    if (guest_open(spec, root, &unheard, &guest) == 0) {
        (void)!guest_forget_random_seeds(&guest);
        guest_close(&guest);
    }
}
