#include "image_forget.h"

#include <fnmatch.h>
#include <stddef.h>

// Patterns of fnmatch(3): `*` stops at no slash, so that "proc/*" is all that is below.
static const struct {
    const char *pattern;
    enum image_fate fate;
} rules[] = {
    // Not of the disk, or of this boot.
    {"dev/*", IMAGE_LEAVE_OUT},
    {"proc/*", IMAGE_LEAVE_OUT},
    {"sys/*", IMAGE_LEAVE_OUT},
    {"run/*", IMAGE_LEAVE_OUT},
    {"tmp/*", IMAGE_LEAVE_OUT},
    {"var/tmp/*", IMAGE_LEAVE_OUT},
    // Who it is. systemd makes an id where the file is empty, and runs first-boot presets where it is missing.
    {"etc/machine-id", IMAGE_EMPTY},
    {"var/lib/dbus/machine-id", IMAGE_LEAVE_OUT},
    {"etc/ssh/ssh_host_*", IMAGE_LEAVE_OUT},
    {"etc/dropbear/*host_key*", IMAGE_LEAVE_OUT},
    {"var/lib/systemd/random-seed", IMAGE_LEAVE_OUT},
    {"var/lib/systemd/credential.secret", IMAGE_LEAVE_OUT},
    {"var/lib/urandom/random-seed", IMAGE_LEAVE_OUT},
    {"var/lib/misc/random-seed", IMAGE_LEAVE_OUT},
    {"var/lib/seedrng/*", IMAGE_LEAVE_OUT},
    // Who may enter, and what was typed. Accounts stay, what they are entered with does not; nor do copies that tools make.
    {"etc/passwd", IMAGE_LOCK_USERS},
    {"etc/shadow", IMAGE_LOCK_USERS},
    {"etc/group", IMAGE_LOCK_GROUPS},
    {"etc/gshadow", IMAGE_LOCK_GROUPS},
    {"etc/passwd[-+.]*", IMAGE_LEAVE_OUT},
    {"etc/shadow[-+.]*", IMAGE_LEAVE_OUT},
    {"etc/group[-+.]*", IMAGE_LEAVE_OUT},
    {"etc/gshadow[-+.]*", IMAGE_LEAVE_OUT},
    {"etc/security/opasswd*", IMAGE_LEAVE_OUT},
    {"root/.ssh/authorized_keys*", IMAGE_LEAVE_OUT},
    {"home/*/.ssh/authorized_keys*", IMAGE_LEAVE_OUT},
    {"root/.*_history", IMAGE_LEAVE_OUT},
    {"home/*/.*_history", IMAGE_LEAVE_OUT},
    // What was done at its first boot is done again.
    {"var/lib/cloud/*", IMAGE_LEAVE_OUT},
    {"etc/croft/user-data*", IMAGE_LEAVE_OUT},
    {"var/lib/dhcp/*", IMAGE_LEAVE_OUT},
};

enum image_fate image_forget(const char *path)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (fnmatch(rules[i].pattern, path, 0) == 0) {
            return rules[i].fate;
        }
    }
    // Logs: the folders stay, since programs do not make them.
    return fnmatch("var/log/*", path, 0) == 0 ? IMAGE_EMPTY : IMAGE_KEEP;
}
