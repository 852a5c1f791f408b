#include "image.h"
#include "rig.h"
#include "test_drivers.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct vps_spec spec;

static void setup(void)
{
    rig_spec(&spec, 2);
}

static void incoming(char out[512])
{
    snprintf(out, 512, "%s/incoming/%s", rig_config.state_dir, spec.image.sha256);
}

static void refused(int code)
{
    CALL(code, image_install(&rig_config, &rig_drivers, &spec, err));
    ck_assert(!volume_btrfs.has_image(&rig_config, spec.image.sha256));
    ck_assert_int_ne(rig_host("ls -d %s/pool/images/.new-%s 2>/dev/null", rig_config.state_dir,
                              spec.image.sha256),
                     0);
}

START_TEST(unpacks_a_good_one)
{
    static const struct rig_entry entries[] = {{"./", 'd', NULL, 0700},
                                               {"./etc/", 'd', NULL, 0755},
                                               {"./etc/motd", 'f', "hello", 0644},
                                               {"./suid", 'f', "x", 04755},
                                               {"./hard", 'h', "./etc/motd", 0644},
                                               {"./link", 'l', "../../../etc/passwd", 0777},
                                               {0}};
    rig_image(&spec, entries, 0);
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
    char image[512];
    snprintf(image, sizeof(image), "%s/pool/images/%s", rig_config.state_dir, spec.image.sha256);
    ck_assert_int_eq(rig_host("cd %s && [ $(cat etc/motd) = hello ] && [ $(cat hard) = hello ] && "
                              "[ $(stat -c %%a suid) = 4755 ] && [ $(stat -c %%a .) = 755 ] && "
                              "[ -L link ] && ! touch new 2>/dev/null",
                              image),
                     0);
    char path[512];
    incoming(path);
    ck_assert_int_ne(access(path, F_OK), 0); // not kept twice
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
    CALL(0, volume_btrfs.delete_image(&rig_config, spec.image.sha256, err));
    CALL(ERR_NOT_FOUND, image_install(&rig_config, &rig_drivers, &spec, err));
}
END_TEST

static const struct rig_entry plain[] = {{"a", 'f', "text", 0644}, {0}};

START_TEST(refuses_a_bad_signature)
{
    rig_image(&spec, plain, 0);
    spec.image.signature[5] = spec.image.signature[5] == '0' ? '1' : '0';
    refused(ERR_IMAGE);
}
END_TEST

START_TEST(refuses_a_cut_or_longer_file)
{
    char path[512];
    struct stat st;
    rig_image(&spec, plain, 0);
    incoming(path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, st.st_size + (_i ? 1 : -1)), 0);
    refused(ERR_IMAGE);
    ck_assert_int_ne(access(path, F_OK), 0); // to be fetched anew
}
END_TEST

START_TEST(refuses_other_bytes)
{
    char path[512];
    rig_image(&spec, plain, 0);
    incoming(path);
    ck_assert_int_eq(rig_host("printf X | dd of=%s bs=1 seek=9 conv=notrunc 2>/dev/null", path), 0);
    refused(ERR_IMAGE);
}
END_TEST

START_TEST(refuses_what_is_not_a_file)
{
    char path[512];
    rig_image(&spec, plain, 0);
    incoming(path);
    ck_assert_int_eq(rig_host("rm %s; mkfifo %s", path, path), 0);
    refused(ERR_IMAGE);
    ck_assert_int_eq(rig_host("rm -f %s; ln -s /etc/passwd %s", path, path), 0);
    refused(ERR_SYSTEM);
    unlink(path);
}
END_TEST

static const struct rig_entry hostile[][4] = {
    {{"../evil", 'f', "x", 0644}},
    {{"/evil", 'f', "x", 0644}},
    {{"a/../../evil", 'f', "x", 0644}},
    {{"dev/null", 'c', NULL, 0666}},
    {{"a", 'f', "x", 0644}, {"b", 'h', "../../../../etc/passwd", 0644}},
    {{"a", 'l', "/", 0777}, {"a/evil", 'f', "x", 0644}},
    {{"a", 'l', "..", 0777}, {"a/evil", 'f', "x", 0644}},
};

START_TEST(refuses_ways_out)
{
    rig_image(&spec, hostile[_i], 0);
    refused(ERR_IMAGE);
    ck_assert_int_ne(access("/evil", F_OK), 0);
    ck_assert_int_ne(rig_host("ls %s/pool/evil %s/pool/images/evil 2>/dev/null",
                              rig_config.state_dir, rig_config.state_dir),
                     0);
}
END_TEST

START_TEST(installs_once_when_asked_twice_at_a_time)
{
    rig_image(&spec, NULL, 1);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            struct err err = {0};
            _exit(image_install(&rig_config, &rig_drivers, &spec, &err) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status;
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

Suite *suite_image(void)
{
    Suite *suite = suite_create("image");
    TCase *tcase = tcase_create("install");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, unpacks_a_good_one);
    tcase_add_test(tcase, refuses_a_bad_signature);
    tcase_add_loop_test(tcase, refuses_a_cut_or_longer_file, 0, 2);
    tcase_add_test(tcase, refuses_other_bytes);
    tcase_add_test(tcase, refuses_what_is_not_a_file);
    tcase_add_loop_test(tcase, refuses_ways_out, 0, (int)ARRAY_LEN(hostile));
    tcase_add_test(tcase, installs_once_when_asked_twice_at_a_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
