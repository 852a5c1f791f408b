#include "guest.h"
#include "guest_boot.h"
#include "guest_identity.h"
#include "rig.h"
#include "test_drivers.h"

#include <string.h>

static struct vps_spec spec;
static struct volume_root root;
static char key[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx me";

static void setup(void)
{
    rig_spec(&spec, 3);
    spec.ssh_keys[0] = key;
    spec.ssh_key_count = 1;
    root = (struct volume_root){.id_mapped = 1};
    snprintf(root.path, sizeof(root.path), "%s/root", rig_config.state_dir);
    rig_host("rm -rf %s %s.out; mkdir -p %s/etc/ssh %s/root %s.out", root.path, root.path,
             root.path, root.path, root.path);
}

START_TEST(writes_what_a_guest_needs)
{
    rig_host("touch %s/etc/ssh/ssh_host_rsa_key", root.path);
    CALL(0, guest_prepare(&rig_config, &spec, &root, err));
    CALL(0, guest_prepare(&rig_config, &spec, &root, err));
    ck_assert_int_eq(rig_host("cd %s && [ $(cat etc/hostname) = guest3 ] && "
                              "grep -q guest3 etc/hosts && [ $(stat -c %%a root/.ssh) = 700 ] && "
                              "grep -q ssh-ed25519 root/.ssh/authorized_keys && "
                              "grep -Eq '^[0-9a-f]{32}$' etc/machine-id && "
                              "[ ! -e etc/ssh/ssh_host_rsa_key ]",
                              root.path),
                     0);
}
END_TEST

// Each leads to the folder <root>.out, or blocks whoever opens it.
static const char *const traps[] = {
    "rmdir etc/ssh etc; ln -s %s.out etc",
    "rmdir etc/ssh etc; ln -s ../root.out etc",
    "rmdir etc/ssh etc; ln -s etc etc",
    "ln -s %s.out/hostname etc/hostname; ln -s %s.out/machine-id etc/machine-id",
    "mkdir root/.ssh; mkfifo etc/hostname etc/machine-id etc/resolv.conf root/.ssh/authorized_keys",
    "ln -s %s.out root/.ssh",
    "rmdir root; ln -s /proc/self/cwd root",
    "mkdir etc/hostname",
};

START_TEST(writes_nothing_outside)
{
    char commands[1024];
    // The shell replaces OUT, so that no trap is a format string.
    snprintf(commands, sizeof(commands),
             "cd %s && OUT=%s && eval \"$(printf '%%s' '%s' | "
             "sed \"s|%%s|$OUT|g\")\"",
             root.path, root.path, traps[_i]);
    ck_assert_int_eq(rig_host("%s", commands), 0);
    struct err err = {0};
    int r = guest_prepare(&rig_config, &spec, &root, &err);
    ck_assert_msg(r == 0 || r == ERR_IMAGE || r == ERR_NOT_FOUND, "%d %s", r, err.text);
    ck_assert_int_eq(rig_host("[ -z \"$(ls -A %s.out)\" ]", root.path), 0);
}
END_TEST

// A guest that runs, and lays the same traps while its name, keys and password are changed.
START_TEST(changes_nothing_outside)
{
    char commands[1024];
    snprintf(commands, sizeof(commands),
             "cd %s && OUT=%s && eval \"$(printf '%%s' '%s' | sed \"s|%%s|$OUT|g\")\"", root.path,
             root.path, traps[_i]);
    ck_assert_int_eq(rig_host("%s", commands), 0);
    rig_host("cd %s && { [ -L etc ] || mkfifo etc/shadow; }", root.path);
    struct err err = {0};
    const int results[] = {
        guest_set_hostname(&spec, &root, &err),
        guest_set_keys(&spec, &root, &err),
        guest_set_password(&spec, &root, "$6$salt$hash", &err),
    };
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        ck_assert_msg(results[i] == 0 || results[i] == ERR_IMAGE || results[i] == ERR_NOT_FOUND,
                      "%zu: %d %s", i, results[i], err.text);
    }
    ck_assert_int_eq(rig_host("[ -z \"$(ls -A %s.out)\" ]", root.path), 0);
}
END_TEST

START_TEST(what_is_the_guests_own_stays)
{
    CALL(0, guest_prepare(&rig_config, &spec, &root, err));
    rig_host("cd %s && echo own >> root/.ssh/authorized_keys && "
             "printf 'daemon:*:1:0:99999:7:::\nroot:old:1:0:99999:7:::\n' > etc/shadow",
             root.path);
    spec.ssh_key_count = 0;
    CALL(0, guest_set_keys(&spec, &root, err));
    CALL(0, guest_set_keys(&spec, &root, err));
    CALL(0, guest_set_password(&spec, &root, "$6$salt$hash", err));
    ck_assert_int_eq(rig_host("cd %s && [ \"$(cat root/.ssh/authorized_keys)\" = own ] && "
                              "grep -q '^daemon:' etc/shadow && "
                              "[ $(grep -c '^root:.6.salt.hash:' etc/shadow) = 1 ]",
                              root.path),
                     0);
}
END_TEST

// What cloud-init reads, and what a system without it runs.
START_TEST(user_data_is_a_seed_for_cloud_init_and_else_a_unit)
{
    static const char script[] = "#!/bin/sh\necho \"$HOME\"\n", config[] = "#cloud-config\n";
    rig_host("cd %s && mkdir -p usr/bin var etc/systemd/system", root.path);
    CALL(ERR_INVALID, guest_set_user_data(&spec, &root, config, err)); // nobody could read it
    CALL(0, guest_set_user_data(&spec, &root, script, err));
    ck_assert_int_eq(
        rig_host(
            "cd %s/etc && [ -x croft/first-boot ] && [ $(stat -c %%a croft/user-data) = 700 ] && "
            "grep -q '^echo \"$HOME\"$' croft/user-data && "
            "grep -q ExecStart=/etc/croft/first-boot systemd/system/croft-first-boot.service && "
            "[ $(readlink systemd/system/multi-user.target.wants/croft-first-boot.service) = "
            "/etc/systemd/system/croft-first-boot.service ] && [ ! -e ../var/lib/cloud ]",
            root.path),
        0);
    rig_host("cd %s && rm -r etc/croft && touch usr/bin/cloud-init", root.path);
    CALL(0, guest_set_user_data(&spec, &root, config, err));
    ck_assert_int_eq(rig_host("cd %s && [ ! -e etc/croft ] && cd var/lib/cloud/seed/nocloud && "
                              "[ \"$(cat user-data)\" = '#cloud-config' ] && "
                              "[ $(stat -c %%a user-data) = 600 ] && "
                              "grep -qx 'instance-id: %s' meta-data && "
                              "grep -qx 'local-hostname: guest3' meta-data",
                              root.path, spec.vps),
                     0);
}
END_TEST

static const char secret_files[] =
    "var/lib/systemd/random-seed var/lib/urandom/random-seed var/lib/systemd/credential.secret "
    "var/lib/dbus/machine-id etc/dropbear/dropbear_rsa_host_key etc/ssh/ssh_host_rsa_key";

START_TEST(what_another_machine_had_to_itself_goes)
{
    rig_host("cd %s && for f in %s; do mkdir -p $(dirname $f) && touch $f; done", root.path,
             secret_files);
    guest_forget_seeds(&spec, &root); // of the same machine: its keys and secrets stay
    ck_assert_int_eq(rig_host("cd %s && [ $(ls %s 2>/dev/null | wc -l) = 4 ] && "
                              "[ ! -e var/lib/systemd/random-seed ]",
                              root.path, secret_files),
                     0);
    CALL(0, guest_prepare(&rig_config, &spec, &root, err));
    ck_assert_int_eq(
        rig_host("cd %s && [ $(ls %s 2>/dev/null | wc -l) = 0 ]", root.path, secret_files), 0);
}
END_TEST

Suite *suite_guest(void)
{
    Suite *suite = suite_create("guest");
    TCase *tcase = tcase_create("files");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 10);
    tcase_add_test(tcase, writes_what_a_guest_needs);
    tcase_add_loop_test(tcase, writes_nothing_outside, 0, (int)ARRAY_LEN(traps));
    tcase_add_loop_test(tcase, changes_nothing_outside, 0, (int)ARRAY_LEN(traps));
    tcase_add_test(tcase, what_is_the_guests_own_stays);
    tcase_add_test(tcase, user_data_is_a_seed_for_cloud_init_and_else_a_unit);
    tcase_add_test(tcase, what_another_machine_had_to_itself_goes);
    suite_add_tcase(suite, tcase);
    return suite;
}
