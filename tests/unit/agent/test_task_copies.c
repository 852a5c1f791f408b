// Snapshots, restore, reinstall, rescue and clone with the fake drivers: what they do, and that a death or a
// failure at any step leaves either the old or the new, never something between.
#include "config.h"
#include "fault.h"
#include "file.h"
#include "json.h"
#include "state_dir.h"
#include "task.h"
#include "unit.h"
#include "unit_pki.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define VPS "0190a000-0000-7000-8000-0000000000aa"
#define COPY "0190a000-0000-7000-8000-0000000000ab"
#define SNAPSHOT "0190a000-0000-7000-8000-00000000005a"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static char dir[40], state[64];
static struct agent_config config;

static void write_file(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", state, path);
    ck_assert_int_eq(file_write_atomic(full, text, strlen(text), 0644, NULL), 0);
}

static void make_image(const char *sha256)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/fake/images/%s", state, sha256);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "fake/images/%s/word", sha256);
    write_file(path, "image\n");
}

static void setup(void)
{
    struct err err = {0};
    strcpy(dir, "/tmp/croft-copies-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    chmod(dir, 0755);
    snprintf(state, sizeof(state), "%s/state", dir);
    config = (struct agent_config){.state_dir = state,
                                   .link_user = "nobody",
                                   .drivers = {"fake", "fake", "fake"},
                                   .ids = {.base = 1000000, .count = 100},
                                   .stop_timeout_s = 1};
    ck_assert_int_eq(state_dir_prepare(&config, &err), 0);
    ck_assert_int_eq(volume_fake.open_pool(&config, &err), 0);
    make_image(SHA256);
    make_image(OTHER);
}

static void teardown(void)
{
    unit_pki_shell("rm -rf \"$0\"", dir);
}

struct order {
    const char *kind;
    int generation;
    const char *args; // JSON
    const char *image; // NULL: the usual one
    bool rescue;
    const char *key; // of root; NULL: none
};

static json_t *image_json(const char *sha256)
{
    char signature[129];
    memset(signature, 'a', 128);
    signature[128] = '\0';
    return json_pack("{s:s, s:i, s:s, s:s}", "sha256", sha256, "size", 1, "signature", signature,
                     "name", "x");
}

static json_t *input_of(const struct order *order)
{
    static const char text[] =
        "{\"hostname\":\"web1\",\"desired\":\"running\",\"id_base\":1000000,\"slot\":7,"
        "\"limits\":{\"vcpus\":1,\"memory_bytes\":268435456,\"swap_bytes\":0,"
        "\"disk_bytes\":1073741824,\"pids\":256},"
        "\"addresses\":[{\"family\":4,\"address\":\"10.83.0.2\"}],\"ssh_keys\":[]}";
    bool clone = strcmp(order->kind, "vps_clone") == 0;
    json_t *spec = json_loads(text, 0, NULL);
    json_object_set_new(spec, "image", image_json(order->image ? order->image : SHA256));
    if (order->rescue) {
        json_object_set_new(spec, "rescue", image_json(OTHER));
    }
    if (order->key) {
        json_object_set_new(spec, "ssh_keys", json_pack("[s]", order->key));
    }
    if (clone) {
        json_object_set_new(spec, "slot", json_integer(8));
        json_object_set_new(spec, "id_base", json_integer(1000000 + IDS_PER_VPS));
    }
    json_t *input = json_pack("{s:s, s:s, s:i, s:o}", "kind", order->kind, "vps",
                              clone ? COPY : VPS, "generation", order->generation, "spec", spec);
    if (order->args) {
        json_object_set_new(input, "args", json_loads(order->args, 0, NULL));
    }
    return input;
}

static void ignore_step(const char *name, int percent, void *arg)
{
}

static int run(const struct order *order, enum observed *ret_observed, struct err *err)
{
    static const struct task_progress progress = {.step = ignore_step};
    _cleanup_json_ json_t *input = input_of(order);
    struct task task;
    int r = task_init(&task, &config, input, err);
    if (r == 0) {
        r = task_run(&task, &progress, err);
    }
    *ret_observed = task.observed;
    task_finish(&task);
    return r;
}

static void expect(const struct order *order, enum observed wanted)
{
    struct err err = {0};
    enum observed observed;
    int r = run(order, &observed, &err);
    ck_assert_msg(r == 0, "%s: %s", order->kind, err.text);
    ck_assert_int_eq(observed, wanted);
}

static bool exists(const char *path)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", state, path);
    return access(full, F_OK) == 0;
}

static void write_word(const char *word)
{
    char text[32];
    snprintf(text, sizeof(text), "%s\n", word);
    write_file("fake/guests/" VPS "/rootfs/word", text);
}

static bool has_word(const char *vps, const char *word)
{
    char path[256];
    _cleanup_free_ char *text = NULL;
    snprintf(path, sizeof(path), "%s/fake/guests/%s/rootfs/word", state, vps);
    return file_read(path, FILE_SMALL_MAX, &text, NULL, NULL) == 0 &&
           strncmp(text, word, strlen(word)) == 0;
}

// Nothing but the root, whatever was made beside it.
static void expect_only_root(const char *vps)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/fake/guests/%s", state, vps);
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *item; (item = readdir(folder));) {
        ck_assert_msg(strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 ||
                          strcmp(item->d_name, "rootfs") == 0,
                      "%s is left", item->d_name);
    }
    closedir(folder);
}

static const char args[] = "{\"snapshot\":\"" SNAPSHOT "\"}";
static const struct order create = {"vps_create", 1, NULL, NULL, false, NULL};
static const struct order snapshot = {"vps_snapshot", 1, args, NULL, false, NULL};
static const struct order snapshot_delete = {"vps_snapshot_delete", 1, args, NULL, false, NULL};
static const struct order restore = {"vps_restore", 2, args, NULL, false, NULL};
static const struct order reinstall = {"vps_reinstall", 2, NULL, OTHER, false, NULL};
static const struct order rescue = {"vps_rescue", 2, NULL, NULL, true, NULL};
static const struct order unrescue = {"vps_rescue", 3, NULL, NULL, false, NULL};
static const struct order clone_live = {"vps_clone", 1,     "{\"source\":\"" VPS "\"}",
                                        NULL,        false, NULL};
static const struct order clone_old = {
    "vps_clone", 1, "{\"source\":\"" VPS "\",\"snapshot\":\"" SNAPSHOT "\"}", NULL, false, NULL};
static const struct order stop = {"vps_stop", 2, NULL, NULL, false, NULL};
static const struct order delete = {"vps_delete", 9, NULL, NULL, false, NULL};

// A vps that runs, whose word is `now` and whose snapshot's is `then`.
static void make_vps(void)
{
    struct order again = delete;
    expect(&again, OBSERVED_ABSENT);
    unit_pki_shell("rm -rf \"$0\"/fake/guests/" COPY " \"$0\"/vps/" COPY
                   " \"$0\"/fake/containers/" COPY " \"$0\"/fake/limits/" COPY,
                   state);
    expect(&create, OBSERVED_RUNNING);
    write_word("then");
    expect(&snapshot, OBSERVED_RUNNING);
    write_word("now");
}

START_TEST(a_restore_brings_back_what_was)
{
    make_vps();
    expect(&restore, OBSERVED_RUNNING);
    ck_assert(has_word(VPS, "then"));
    expect_only_root(VPS);
    write_word("later");
    expect(&restore, OBSERVED_RUNNING); // the same order again: it is done
    ck_assert(has_word(VPS, "later"));
    ck_assert(exists("fake/snapshots/" VPS "/" SNAPSHOT));
    expect(&snapshot_delete, OBSERVED_RUNNING);
    expect(&snapshot_delete, OBSERVED_RUNNING);
    ck_assert(!exists("fake/snapshots/" VPS));
}
END_TEST

START_TEST(a_snapshot_reaches_no_generation)
{
    struct vps_state record;
    struct order newer = snapshot;
    make_vps();
    newer.generation = 7;
    expect(&newer, OBSERVED_RUNNING);
    ck_assert_int_eq(vps_state_load(&config, VPS, &record, NULL), 0);
    ck_assert_int_eq(record.generation, 1);
    vps_state_finish(&record);
}
END_TEST

START_TEST(a_reinstall_keeps_snapshots_and_draws_a_new_machine_id)
{
    char before[64] = "", after[64] = "";
    char path[256];
    make_vps();
    snprintf(path, sizeof(path), "%s/fake/guests/" VPS "/rootfs/etc/machine-id", state);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(before, sizeof(before), file));
    fclose(file);
    expect(&reinstall, OBSERVED_RUNNING);
    file = fopen(path, "r");
    ck_assert_ptr_nonnull(fgets(after, sizeof(after), file));
    fclose(file);
    ck_assert_str_ne(before, after);
    ck_assert(has_word(VPS, "image"));
    ck_assert(exists("fake/snapshots/" VPS "/" SNAPSHOT));
    expect_only_root(VPS);
}
END_TEST

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
static const char old_key[] = KEY "Old", new_key[] = KEY "New";

static bool lets_in(const char *key)
{
    char path[256];
    _cleanup_free_ char *text = NULL;
    snprintf(path, sizeof(path), "%s/fake/guests/" VPS "/rootfs/root/.ssh/authorized_keys", state);
    return file_read(path, FILE_SMALL_MAX, &text, NULL, NULL) == 0 && strstr(text, key);
}

// The snapshot's disk has the keys of its time.
START_TEST(a_key_that_was_revoked_does_not_come_back_with_an_old_disk)
{
    struct order with_old = create, with_new = {"vps_update", 2, NULL, NULL, false, new_key};
    struct order back = restore;
    ck_assert_int_eq(unit_pki_shell("mkdir \"$0\"/fake/images/" SHA256 "/root", state), 0);
    with_old.key = old_key;
    expect(&with_old, OBSERVED_RUNNING);
    ck_assert(lets_in(old_key));
    expect(&snapshot, OBSERVED_RUNNING);
    expect(&with_new, OBSERVED_RUNNING);
    ck_assert(lets_in(new_key) && !lets_in(old_key));
    back.generation = 3;
    back.key = new_key;
    expect(&back, OBSERVED_RUNNING);
    ck_assert(lets_in(new_key) && !lets_in(old_key));
}
END_TEST

START_TEST(a_rescue_and_back)
{
    make_vps();
    expect(&rescue, OBSERVED_RUNNING);
    ck_assert(exists("fake/guests/" VPS "/rescue"));
    ck_assert(has_word(VPS, "now"));
    expect(&unrescue, OBSERVED_RUNNING);
    expect_only_root(VPS);
}
END_TEST

START_TEST(a_clone_is_a_vps_of_its_own)
{
    make_vps();
    expect(&clone_live, OBSERVED_RUNNING);
    ck_assert(has_word(COPY, "now"));
    make_vps();
    expect(&clone_old, OBSERVED_RUNNING);
    ck_assert(has_word(COPY, "then"));
    ck_assert(has_word(VPS, "now"));
}
END_TEST

START_TEST(a_restore_of_a_stopped_vps_that_is_to_be_off_leaves_it_off)
{
    struct order off = restore;
    enum observed observed;
    struct err err = {0};
    make_vps();
    expect(&stop, OBSERVED_STOPPED);
    off.generation = 3;
    _cleanup_json_ json_t *input = input_of(&off);
    json_object_set_new(json_object_get(input, "spec"), "desired", json_string("stopped"));
    static const struct task_progress progress = {.step = ignore_step};
    struct task task;
    ck_assert_int_eq(task_init(&task, &config, input, &err), 0);
    ck_assert_int_eq(task_run(&task, &progress, &err), 0);
    observed = task.observed;
    task_finish(&task);
    ck_assert_int_eq(observed, OBSERVED_STOPPED);
    ck_assert(has_word(VPS, "then"));
}
END_TEST

START_TEST(arguments_are_checked)
{
    struct err err = {0};
    enum observed observed;
    static const char *const wrong[] = {NULL, "{}", "{\"snapshot\":\"../../etc\"}",
                                        "{\"snapshot\":null}", "[]"};
    make_vps();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct order bad = restore;
        bad.args = wrong[i];
        ck_assert_int_lt(run(&bad, &observed, &err), 0);
        ck_assert(has_word(VPS, "now"));
    }
}
END_TEST

#ifdef CROFT_FAULTS

static void set_fault(const char *who, const char *kind, const char *step)
{
    char text[128];
    snprintf(text, sizeof(text), "%s %s.%s\n", who, kind, step);
    write_file("fault", text);
}

static bool is_killed(const struct order *order)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        enum observed observed;
        _exit(run(order, &observed, &err) < 0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void kill_at_each_step(const struct order *order, const char *vps, const char *word)
{
    const struct task_kind *kind = task_kind_find(order->kind);
    for (size_t i = 0; i < kind->count; i++) {
        make_vps();
        set_fault("worker", kind->name, kind->steps[i].name);
        ck_assert_msg(is_killed(order), "%s.%s has no fault point", kind->name,
                      kind->steps[i].name);
        expect(order, OBSERVED_RUNNING);
        ck_assert_msg(!word || has_word(vps, word), "%s.%s", kind->name, kind->steps[i].name);
        if (!order->rescue) {
            expect_only_root(vps);
        }
    }
}

START_TEST(killed_at_any_step_every_order_converges)
{
    kill_at_each_step(&snapshot, VPS, "now");
    kill_at_each_step(&restore, VPS, "then");
    kill_at_each_step(&reinstall, VPS, "image");
    kill_at_each_step(&rescue, VPS, "now");
    kill_at_each_step(&unrescue, VPS, "now");
    kill_at_each_step(&clone_live, COPY, "now");
    kill_at_each_step(&snapshot_delete, VPS, "now");
}
END_TEST

// It runs again, from its own root, and nothing is beside it.
static void fail_at_each_step(const struct order *order)
{
    const struct task_kind *kind = task_kind_find(order->kind);
    for (size_t i = 0; i < kind->count; i++) {
        struct err err = {0};
        enum observed observed;
        make_vps();
        set_fault("fail", kind->name, kind->steps[i].name);
        ck_assert_int_eq(run(order, &observed, &err), ERR_INTERNAL);
        ck_assert_int_eq(observed, OBSERVED_RUNNING);
        ck_assert_msg(has_word(VPS, "now"), "%s.%s", kind->name, kind->steps[i].name);
        expect_only_root(VPS);
    }
}

START_TEST(failed_at_any_step_everything_is_as_before)
{
    fail_at_each_step(&restore);
    fail_at_each_step(&reinstall);
    fail_at_each_step(&rescue);
}
END_TEST

// Given up by the broker after its worker died again and again: a new worker only takes back.
START_TEST(killed_while_taking_back_the_next_undo_finishes)
{
    static const char *const undos[] = {"undo_swap", "undo_stop", "undo_stage"};
    for (size_t i = 0; i < ARRAY_LEN(undos); i++) {
        struct err err = {0};
        struct task task;
        char text[160];
        make_vps();
        snprintf(text, sizeof(text), "fail vps_restore.verify\nworker vps_restore.%s\n", undos[i]);
        write_file("fault", text);
        ck_assert(is_killed(&restore));
        _cleanup_json_ json_t *input = input_of(&restore);
        ck_assert_int_eq(task_init(&task, &config, input, &err), 0);
        ck_assert_msg(task_undo(&task, &err) == 0, "%s: %s", undos[i], err.text);
        task_finish(&task);
        ck_assert(has_word(VPS, "now"));
        expect_only_root(VPS);
    }
}
END_TEST

// The disk that the undo could not put back is not taken for the one that the order made.
START_TEST(an_exchange_that_cannot_be_taken_back_loses_no_disk)
{
    struct order update = {"vps_update", 3, NULL, NULL, false, NULL};
    const struct order *const orders[] = {&restore, &reinstall};
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct err err = {0};
        struct task task;
        char text[128];
        make_vps();
        snprintf(text, sizeof(text), "fail %s.verify\nfail %s.undo_swap\n", orders[i]->kind,
                 orders[i]->kind);
        write_file("fault", text);
        static const struct task_progress progress = {.step = ignore_step};
        _cleanup_json_ json_t *input = input_of(orders[i]);
        ck_assert_int_eq(task_init(&task, &config, input, &err), 0);
        ck_assert_int_eq(task_run(&task, &progress, &err), ERR_INTERNAL);
        ck_assert(task.undo_failed);
        ck_assert_ptr_nonnull(strstr(err.text, "; then undo_swap: "));
        ck_assert(!has_word(VPS, "now"));
        if (i == 0) { // the undo alone, as the broker runs it again
            ck_assert_msg(task_undo(&task, &err) == 0, "%s", err.text);
        }
        task_finish(&task);
        expect(&update, OBSERVED_RUNNING); // or whatever order comes next
        ck_assert(has_word(VPS, "now"));
        expect_only_root(VPS);
    }
}
END_TEST

#endif

int main(void)
{
    if (geteuid() != 0) {
        return 77; // files of guests belong to other users
    }
    Suite *suite = suite_create("task_copies");
    TCase *cases = tcase_create("copies");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_restore_brings_back_what_was);
    tcase_add_test(cases, a_snapshot_reaches_no_generation);
    tcase_add_test(cases, a_reinstall_keeps_snapshots_and_draws_a_new_machine_id);
    tcase_add_test(cases, a_key_that_was_revoked_does_not_come_back_with_an_old_disk);
    tcase_add_test(cases, a_rescue_and_back);
    tcase_add_test(cases, a_clone_is_a_vps_of_its_own);
    tcase_add_test(cases, a_restore_of_a_stopped_vps_that_is_to_be_off_leaves_it_off);
    tcase_add_test(cases, arguments_are_checked);
#ifdef CROFT_FAULTS
    tcase_add_test(cases, killed_at_any_step_every_order_converges);
    tcase_add_test(cases, failed_at_any_step_everything_is_as_before);
    tcase_add_test(cases, killed_while_taking_back_the_next_undo_finishes);
    tcase_add_test(cases, an_exchange_that_cannot_be_taken_back_loses_no_disk);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
