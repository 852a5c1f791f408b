#include "guest_boot.h"

#include "guest_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

// Moved away before it is run, so that it runs once even if it reboots the guest.
static const char first_boot[] = "#!/bin/sh\n"
                                 "# Runs what was asked for at the order of this machine, once.\n"
                                 "cd /etc/croft || exit 0\n"
                                 "[ -e user-data ] || exit 0\n"
                                 "mv user-data user-data.done && exec ./user-data.done\n";

static const char unit[] = "[Unit]\n"
                           "Description=What was asked for at the order of this machine\n"
                           "ConditionPathExists=/etc/croft/user-data\n"
                           "Wants=network-online.target\n"
                           "After=network-online.target ssh.service\n\n"
                           "[Service]\n"
                           "Type=oneshot\n"
                           "ExecStart=/etc/croft/first-boot\n\n"
                           "[Install]\n"
                           "WantedBy=multi-user.target\n";

static bool has_cloud_init(const struct guest *guest)
{
    struct err unheard = {0};
    struct guest quiet = {.root = guest->root, .owner = guest->owner, .err = &unheard};
    _cleanup_fd_ int dir = guest_open_folder(&quiet, "usr/bin");
    return dir >= 0 && faccessat(dir, "cloud-init", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_seed(const struct guest *guest, const struct vps_spec *spec, const char *text)
{
    static const char *const folders[][2] = {{"var", "lib"},
                                             {"var/lib", "cloud"},
                                             {"var/lib/cloud", "seed"},
                                             {"var/lib/cloud/seed", "nocloud"}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++) {
        r = guest_make_folder(guest, folders[i][0], folders[i][1], 0755);
    }
    char meta[256];
    snprintf(meta, sizeof(meta), "instance-id: %s\nlocal-hostname: %s\n", spec->vps,
             spec->hostname);
    if (r == 0) {
        r = guest_replace_file(guest, "var/lib/cloud/seed/nocloud", "meta-data", 0644, meta);
    }
    return r < 0 ? r
                 : guest_replace_file(guest, "var/lib/cloud/seed/nocloud", "user-data", 0600, text);
}

// The unit is switched on by the link that systemctl would make. An image without systemd has no such folder.
static int enable_unit(const struct guest *guest)
{
    int r = guest_replace_file(guest, "etc/systemd/system", "croft-first-boot.service", 0644, unit);
    if (r == 0) {
        r = guest_make_folder(guest, "etc/systemd/system", "multi-user.target.wants", 0755);
    }
    if (r < 0) {
        return r == ERR_NOT_FOUND ? 0 : r;
    }
    _cleanup_fd_ int dir = guest_open_folder(guest, "etc/systemd/system/multi-user.target.wants");
    if (dir < 0) {
        return dir;
    }
    if (symlinkat("/etc/systemd/system/croft-first-boot.service", dir, "croft-first-boot.service") <
            0 &&
        errno != EEXIST) {
        return err_errno(guest->err, errno, "switching the first boot on");
    }
    return 0;
}

static int write_script(const struct guest *guest, const char *text)
{
    if (strncmp(text, "#!", 2) != 0) {
        return err_set(
            guest->err, ERR_INVALID,
            "this image has no cloud-init: its user data must be a script beginning with #!");
    }
    int r = guest_make_folder(guest, "etc", "croft", 0755);
    if (r == 0) {
        r = guest_replace_file(guest, "etc/croft", "first-boot", 0755, first_boot);
    }
    if (r == 0) {
        r = guest_replace_file(guest, "etc/croft", "user-data", 0700, text);
    }
    return r < 0 ? r : enable_unit(guest);
}

int guest_set_user_data(const struct vps_spec *spec, const struct volume_root *root,
                        const char *text, struct err *err)
{
    struct guest guest;
    int r = guest_open(spec, root, err, &guest);
    if (r < 0) {
        return r;
    }
    r = has_cloud_init(&guest) ? write_seed(&guest, spec, text) : write_script(&guest, text);
    guest_close(&guest);
    return r < 0 ? err_wrap(err, "user data") : 0;
}
