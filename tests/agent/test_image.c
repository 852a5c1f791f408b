#include "image.h"
#include "image_cache.h"
#include "rig.h"
#include "test_drivers.h"
#include "vps_state.h"

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

// Two entries of one name, the later a way out for what comes behind.
static const struct rig_entry doubled[][4] = {
    {{"a", 'd', NULL, 0755}, {"a", 'l', "/", 0777}, {"a/evil", 'f', "x", 0644}},
    {{"a", 'f', "x", 0644}, {"a", 'l', "../../../evil", 0777}, {"a", 'f', "x", 0644}},
    {{"a", 'l', "/etc", 0777}, {"b", 'h', "a/passwd", 0644}},
};

START_TEST(what_comes_twice_leads_nowhere)
{
    rig_image(&spec, doubled[_i], 0);
    struct err err = {0};
    int r = image_install(&rig_config, &rig_drivers, &spec, &err);
    ck_assert_msg(r == 0 || r == ERR_IMAGE, "%d %s", r, err.text);
    ck_assert_int_ne(access("/evil", F_OK), 0);
    ck_assert_int_ne(rig_host("ls %s/pool/evil %s/pool/images/evil 2>/dev/null",
                              rig_config.state_dir, rig_config.state_dir),
                     0);
    (void)!volume_btrfs.delete_image(&rig_config, spec.image.sha256, NULL);
}
END_TEST

// Made by tar, in a folder of its own; what is refused, with a word of the reason.
static const struct {
    const char *script, *why;
} bombs[] = {
    {"head -c 300M /dev/zero >bomb; tar --zstd -cf out bomb", "too large"},
    {"p=a; for i in $(seq 150); do p=$p/a; done; mkdir -p $p; tar --zstd -cf out a", "leads out"},
    {"touch f; tar --zstd --owner=65536 -cf out f", "belongs to nobody"},
    {"touch f; tar --zstd --group=4294967294 -cf out f", "belongs to nobody"},
    {"touch f; tar --zstd -cPf out --transform='s,f,/evil,' f", "leads out"},
    {"head -c 1M /dev/urandom >f; tar --zstd -cf whole f; head -c 500000 whole >out", "damaged"},
    {"echo text >out", "not a tar"},
    {"tar --zstd -cf out -T /dev/null", "empty"},
};

static void make(const char *script)
{
    char path[512];
    ck_assert_int_eq(rig_host("rm -rf %s/made && mkdir %s/made && cd %s/made && { %s; }",
                              rig_config.state_dir, rig_config.state_dir, rig_config.state_dir,
                              script),
                     0);
    snprintf(path, sizeof(path), "%s/made/out", rig_config.state_dir);
    rig_image_file(&spec, path);
    rig_host("rm -rf %s/made", rig_config.state_dir);
}

START_TEST(refuses_bombs)
{
    struct err err = {0};
    make(bombs[_i].script);
    ck_assert_int_eq(image_install(&rig_config, &rig_drivers, &spec, &err), ERR_IMAGE);
    ck_assert_msg(strstr(err.text, bombs[_i].why), "%s", err.text);
    ck_assert(!volume_btrfs.has_image(&rig_config, spec.image.sha256));
}
END_TEST

// Holes stay holes; of what is beside the bytes only capabilities come along.
START_TEST(unpacks_holes_and_capabilities)
{
    make("truncate -s 100G sparse; touch f; "
         "python3 -c 'import os; v = bytes.fromhex(\"0100000200200000000000000000000000000000\"); "
         "os.setxattr(\"f\", \"security.capability\", v); os.setxattr(\"f\", \"trusted.evil\", "
         "b\"x\")'; "
         "tar --zstd -S --xattrs --xattrs-include='*' -cf out sparse f");
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
    ck_assert_int_eq(rig_host("cd %s/pool/images/%s && [ $(stat -c %%s sparse) = 107374182400 ] && "
                              "[ $(stat -c %%b sparse) -lt 100 ] && "
                              "[ \"$(python3 -c 'import os; print(os.listxattr(\"f\"))')\" = "
                              "\"['security.capability']\" ]",
                              rig_config.state_dir, spec.image.sha256),
                     0);
    CALL(0, volume_btrfs.delete_image(&rig_config, spec.image.sha256, err));
}
END_TEST

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

static bool is_there(const struct vps_spec *one)
{
    return volume_btrfs.has_image(&rig_config, one->image.sha256);
}

static void last_used(const struct vps_spec *one, const char *when)
{
    ck_assert_int_eq(
        rig_host("touch -d '%s' %s/.image-%s.lock", when, rig_config.state_dir, one->image.sha256),
        0);
}

// A record of a vps that was made from it.
static void made_from(const struct vps_spec *one, const char *vps)
{
    struct vps_state state = {.created = true};
    snprintf(state.vps, sizeof(state.vps), "%s", vps);
    state.spec = json_pack("{s:{s:s}}", "image", "sha256", one->image.sha256);
    CALL(0, vps_state_save(&rig_config, &state, err));
    vps_state_finish(&state);
}

START_TEST(the_cache_keeps_its_size_and_what_is_used)
{
    static const char vps[] = "0190a000-0000-7000-8000-0000000000ca";
    struct vps_spec images[5];
    for (int i = 0; i < 5; i++) {
        char script[80];
        rig_spec(&images[i], 2);
        snprintf(script, sizeof(script), "head -c 3M /dev/urandom >f%d; tar --zstd -cf out f%d", i,
                 i);
        make(script);
        images[i].image = spec.image;
        CALL(0, image_install(&rig_config, &rig_drivers, &images[i], err));
    }
    made_from(&images[0], vps);
    last_used(&images[0], "5 hours ago");
    last_used(&images[1], "2 hours ago");
    last_used(&images[2], "4 hours ago");
    last_used(&images[3], "3 hours ago");
    rig_config.image_cache_bytes = 64 << 20;
    CALL(0, image_cache_trim(&rig_config, &rig_drivers, err));
    ck_assert(is_there(&images[1]) && is_there(&images[2]) && is_there(&images[3]));
    // Room for three: the two that rested longest go, not the one that a vps was made from.
    rig_config.image_cache_bytes = 11 << 20;
    CALL(0, image_cache_trim(&rig_config, &rig_drivers, err));
    ck_assert(is_there(&images[0]) && is_there(&images[1]) && is_there(&images[4]));
    ck_assert(!is_there(&images[2]) && !is_there(&images[3]));
    // One that is being unpacked or made use of stays, whatever there is room for.
    int lock;
    rig_config.image_cache_bytes = 0;
    CALL(0, image_cache_lock(&rig_config, images[1].image.sha256, &lock, err));
    CALL(0, image_cache_trim(&rig_config, &rig_drivers, err));
    ck_assert(is_there(&images[0]) && is_there(&images[1]) && is_there(&images[4]));
    close(lock);
    image_cache_use(&rig_config, images[1].image.sha256);
    CALL(0, image_cache_trim(&rig_config, &rig_drivers, err));
    ck_assert(is_there(&images[1]));
    last_used(&images[1], "1 hour ago");
    last_used(&images[4], "1 hour ago");
    CALL(0, vps_state_remove(&rig_config, vps, err));
    CALL(0, image_cache_trim(&rig_config, &rig_drivers, err));
    ck_assert(!is_there(&images[0]) && !is_there(&images[1]) && !is_there(&images[4]));
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
    tcase_add_loop_test(tcase, what_comes_twice_leads_nowhere, 0, (int)ARRAY_LEN(doubled));
    tcase_add_loop_test(tcase, refuses_bombs, 0, (int)ARRAY_LEN(bombs));
    tcase_add_test(tcase, unpacks_holes_and_capabilities);
    tcase_add_test(tcase, the_cache_keeps_its_size_and_what_is_used);
    tcase_add_test(tcase, installs_once_when_asked_twice_at_a_time);
    suite_add_tcase(suite, tcase);
    return suite;
}
