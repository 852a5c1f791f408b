// What stays out of an image that is made of a machine, and what names of entries are let through.
#include "image_entry.h"
#include "image_forget.h"
#include "unit.h"

#include <string.h>

static const struct {
    const char *path;
    enum image_fate fate;
} paths[] = {
    {"etc/passwd", IMAGE_LOCK_USERS},
    {"etc/shadow", IMAGE_LOCK_USERS},
    {"etc/gshadow", IMAGE_LOCK_GROUPS},
    {"etc/shadow-", IMAGE_LEAVE_OUT},
    {"etc/shadow.dpkg-old", IMAGE_LEAVE_OUT},
    {"etc/passwd+", IMAGE_LEAVE_OUT},
    {"etc/passwdqc.conf", IMAGE_KEEP},
    {"etc/security/opasswd", IMAGE_LEAVE_OUT},
    {"root/etc/shadow", IMAGE_KEEP},
    {"etc/ssh/sshd_config", IMAGE_KEEP},
    {"etc/ssh/ssh_host_rsa_key", IMAGE_LEAVE_OUT},
    {"etc/dropbear/dropbear_ed25519_host_key", IMAGE_LEAVE_OUT},
    {"etc/machine-id", IMAGE_EMPTY},
    {"root/etc/machine-id", IMAGE_KEEP},
    {"var/lib/dbus/machine-id", IMAGE_LEAVE_OUT},
    {"var/lib/systemd/random-seed", IMAGE_LEAVE_OUT},
    {"root/.ssh/authorized_keys", IMAGE_LEAVE_OUT},
    {"root/.ssh/authorized_keys2", IMAGE_LEAVE_OUT},
    {"root/.ssh/config", IMAGE_KEEP},
    {"home/ada/.ssh/authorized_keys", IMAGE_LEAVE_OUT},
    {"root/.bash_history", IMAGE_LEAVE_OUT},
    {"var/log", IMAGE_KEEP},
    {"var/log/journal/0123/system.journal", IMAGE_EMPTY},
    {"var/lib/cloud/seed/nocloud/user-data", IMAGE_LEAVE_OUT},
    {"etc/croft/user-data", IMAGE_LEAVE_OUT},
    {"proc", IMAGE_KEEP},
    {"proc/1/environ", IMAGE_LEAVE_OUT},
    {"dev/null", IMAGE_LEAVE_OUT},
    {"tmp/x", IMAGE_LEAVE_OUT},
    {"srv/tmp/x", IMAGE_KEEP},
};

START_TEST(what_belongs_to_one_machine_stays_out)
{
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ck_assert_msg(image_forget(paths[i].path) == paths[i].fate, "%s", paths[i].path);
    }
}
END_TEST

START_TEST(names_are_bounded)
{
    static char name[5000];
    ck_assert(image_entry_is_inside("./a/b") && image_entry_is_inside("a//b/.."
                                                                      ".")); // "...": a name
    ck_assert(!image_entry_is_inside("") && !image_entry_is_inside("/a") &&
              !image_entry_is_inside("a/../b") && !image_entry_is_inside(".."));
    memset(name, 'a', IMAGE_PART_MAX);
    ck_assert(image_entry_is_inside(name));
    name[IMAGE_PART_MAX] = 'a';
    ck_assert(!image_entry_is_inside(name));
    for (size_t i = 0; i < sizeof(name) - 1; i++) {
        name[i] = i % 100 == 99 ? '/' : 'a';
    }
    ck_assert(!image_entry_is_inside(name));
    name[IMAGE_NAME_MAX] = '\0';
    ck_assert(image_entry_is_inside(name));
    for (size_t i = 0; i < IMAGE_NAME_MAX; i++) {
        name[i] = i % 2 ? '/' : 'a';
    }
    ck_assert(!image_entry_is_inside(name));
    name[2 * IMAGE_DEPTH_MAX] = '\0';
    ck_assert(image_entry_is_inside(name));
    ck_assert(image_entry_is_root("./") && image_entry_is_root(".") && !image_entry_is_root("./a"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_forget");
    TCase *cases = tcase_create("image_forget");
    tcase_add_test(cases, what_belongs_to_one_machine_stays_out);
    tcase_add_test(cases, names_are_bounded);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
