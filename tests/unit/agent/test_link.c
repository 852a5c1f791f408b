#include "config.h"
#include "json.h"
#include "rig_server.h"
#include "trust.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

static const char vps[] = "0190a000-0000-7000-8000-0000000000aa";

static struct rig rig;

static void expect_done(const char *task, const char *observed)
{
    json_t *result = rig_result(&rig, task);
    const json_t *error = json_object_get(result, "error");
    ck_assert_msg(!error, "%s", json_get_string(error, "detail", ""));
    ck_assert_str_eq(json_get_string(result, "status", ""), "done");
    ck_assert_str_eq(json_get_string(result, "observed", ""), observed);
    json_decref(result);
}

static void start_agent(void)
{
    rig_start(&rig);
    rig_join(&rig);
    rig_run_agent(&rig);
    json_decref(rig_welcome(&rig));
}

START_TEST(a_vps_is_made_measured_and_deleted)
{
    start_agent();
    rig.cut_download = true;
    expect_done(rig_task(&rig, "vps_create", vps, 1, 1), "running");
    ck_assert_uint_eq(rig.ranges, 1);
    ck_assert(rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa/rootfs"));

    json_t *usage = rig_expect(&rig, "usage", NULL);
    json_t *sample = json_array_get(json_object_get(usage, "samples"), 0);
    ck_assert_str_eq(json_get_string(sample, "vps", ""), vps);
    ck_assert_int_eq(json_get_int(sample, "seq", 0), 1);
    ck_assert_int_gt(json_get_int(sample, "cpu_ns", 0), 0);
    rig_send(&rig, json_pack("{s:s, s:I}", "type", "usage_ack", "batch",
                             json_get_int(usage, "batch", 0)));
    json_decref(usage);

    expect_done(rig_task(&rig, "vps_stop", vps, 2, 2), "stopped");
    expect_done(rig_task(&rig, "vps_start", vps, 3, 3), "running");
    // Overtaken by generation 3: done without effect.
    expect_done(rig_task(&rig, "vps_stop", vps, 2, 4), "running");
    expect_done(rig_task(&rig, "vps_delete", vps, 4, 5), "absent");
    ck_assert(!rig_exists(&rig, "vps/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/network/crv1"));
    expect_done(rig_task(&rig, "vps_delete", vps, 5, 6), "absent");
    json_decref(rig_expect(&rig, "heartbeat", NULL));
    rig_finish(&rig);
}
END_TEST

static void kill_process(const char *title)
{
    unsigned before = rig.hellos;
    kill(rig_pid(&rig, title), SIGKILL);
    while (rig.hellos == before) {
        rig_serve_ms(&rig, 20);
    }
}

START_TEST(guests_and_tasks_outlive_every_process)
{
    start_agent();
    expect_done(rig_task(&rig, "vps_create", vps, 1, 1), "running");
    kill_process("broker");
    json_t *hello = rig_welcome(&rig);
    json_t *seen = json_array_get(json_object_get(hello, "inventory"), 0);
    ck_assert_str_eq(json_get_string(seen, "observed", ""), "running");
    ck_assert_int_eq(json_get_int(seen, "generation", 0), 1);
    json_decref(hello);
    kill_process("link");
    json_decref(rig_welcome(&rig));
    rig_stop_agent(&rig);
    ck_assert(rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa"));
    rig_run_agent(&rig);
    hello = rig_welcome(&rig);
    seen = json_array_get(json_object_get(hello, "inventory"), 0);
    ck_assert_str_eq(json_get_string(seen, "observed", ""), "running");
    json_decref(hello);
    rig_finish(&rig);
}
END_TEST

START_TEST(an_old_certificate_is_renewed_and_the_new_one_used)
{
    rig_start(&rig);
    rig.old_certificate = true;
    rig_join(&rig);
    rig_run_agent(&rig);
    json_decref(rig_welcome(&rig));
    rig_certify(&rig);
    json_decref(rig_welcome(&rig));
    rig_serve_ms(&rig, 300);
    size_t i;
    const json_t *message;
    json_array_foreach (rig.received, i, message) {
        ck_assert_str_ne(json_get_string(message, "type", ""), "certificate_request");
    }
    ck_assert(!rig_exists(&rig, "pki/node.key.next"));
    rig_finish(&rig);
}
END_TEST

// What the host's reboot leaves behind: another boot id, and containers that do not run.
static void reboot(void)
{
    rig_stop_agent(&rig);
    static const char script[] =
        "echo 0190a000-0000-7000-8000-00000000b007 >\"$0\"/boot && "
        "echo stopped >\"$0\"/fake/containers/0190a000-0000-7000-8000-0000000000aa";
    ck_assert_int_eq(unit_pki_shell(script, rig.state), 0);
}

static bool is_running(void)
{
    return unit_pki_shell("grep -q running "
                          "\"$0\"/fake/containers/0190a000-0000-7000-8000-0000000000aa",
                          rig.state) == 0;
}

START_TEST(after_a_reboot_what_ran_runs_again_without_a_server)
{
    start_agent();
    expect_done(rig_task(&rig, "vps_create", vps, 1, 1), "running");
    reboot();
    ck_assert(!is_running());
    rig_run_agent(&rig); // nobody serves it from here on
    for (int i = 0; i < 100 && !is_running(); i++) {
        usleep(100000);
    }
    ck_assert(is_running());
    json_decref(rig_welcome(&rig));
    expect_done(rig_task(&rig, "vps_stop", vps, 2, 2), "stopped");
    reboot();
    rig_run_agent(&rig);
    json_decref(rig_welcome(&rig));
    rig_serve_ms(&rig, 500);
    ck_assert(!is_running());
    rig_finish(&rig);
}
END_TEST

static const char *const trusted[] = {"", "/ca.crt", "/image.pub"};

START_TEST(what_the_node_believes_is_not_the_links_to_change)
{
    struct err err = {0};
    struct stat st;
    char path[160];
    unsigned char key[32];
    rig_start(&rig);
    rig_join(&rig);
    for (size_t i = 0; i < sizeof(trusted) / sizeof(*trusted); i++) {
        snprintf(path, sizeof(path), "%s/trust%s", rig.state, trusted[i]);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_uid, 0);
        ck_assert_uint_eq(st.st_mode & 022, 0);
    }
    const struct agent_config config = {.state_dir = rig.state};
    ck_assert_int_eq(trust_image_key(&config, key, &err), 0);
    ck_assert_int_eq(chown(path, 65534, 65534), 0);
    ck_assert_int_eq(trust_image_key(&config, key, &err), ERR_IMAGE);
    ck_assert_int_eq(chown(path, 0, 0), 0);
    ck_assert_int_eq(chmod(path, 0664), 0);
    ck_assert_int_eq(trust_image_key(&config, key, &err), ERR_IMAGE);
    rig_finish(&rig);
}
END_TEST

#ifdef CROFT_FAULTS

START_TEST(a_task_survives_the_death_of_any_process)
{
    static const char *const faults[] = {
        "worker vps_create.state\nworker vps_create.volume\nworker vps_create.start\n",
        "worker vps_create.verify\n",
        "broker vps_create.guest\n",
        "link vps_create.define\n",
    };
    start_agent();
    int seq = 1;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        rig_fault(&rig, faults[i]);
        expect_done(rig_task(&rig, "vps_create", vps, 1, seq++), "running");
        ck_assert(!rig_exists(&rig, "fault"));
        rig_fault(&rig, "worker vps_delete.undefine\nworker vps_delete.state\n");
        expect_done(rig_task(&rig, "vps_delete", vps, 2, seq++), "absent");
        ck_assert(!rig_exists(&rig, "fault"));
        ck_assert(!rig_exists(&rig, "vps/0190a000-0000-7000-8000-0000000000aa"));
    }
    rig_finish(&rig);
}
END_TEST

START_TEST(a_create_that_fails_takes_everything_back)
{
    start_agent();
    rig_fault(&rig, "fail vps_create.verify\nworker vps_create.undo_volume\n");
    json_t *result = rig_result(&rig, rig_task(&rig, "vps_create", vps, 1, 1));
    // Its worker died while it took back; the next run of the task found nothing wrong.
    ck_assert_str_eq(json_get_string(result, "status", ""), "done");
    json_decref(result);
    expect_done(rig_task(&rig, "vps_delete", vps, 2, 2), "absent");

    rig_fault(&rig, "fail vps_create.verify\n");
    result = rig_result(&rig, rig_task(&rig, "vps_create", vps, 3, 3));
    ck_assert_str_eq(json_get_string(result, "status", ""), "failed");
    ck_assert_str_eq(json_get_string(result, "observed", ""), "absent");
    ck_assert_str_eq(json_get_string(json_object_get(result, "error"), "code", ""), "internal");
    json_decref(result);
    ck_assert(!rig_exists(&rig, "vps/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/network/crv1"));
    rig_finish(&rig);
}
END_TEST

START_TEST(a_task_whose_worker_always_dies_is_given_up)
{
    start_agent();
    char faults[1024] = "";
    for (int i = 0; i < 6; i++) {
        strcat(faults, "worker vps_create.start\n");
    }
    rig_fault(&rig, faults);
    json_t *result = rig_result(&rig, rig_task(&rig, "vps_create", vps, 1, 1));
    ck_assert_str_eq(json_get_string(result, "status", ""), "failed");
    ck_assert_str_eq(json_get_string(result, "observed", ""), "absent");
    json_decref(result);
    ck_assert(!rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa"));
    rig_finish(&rig);
}
END_TEST

// A node that is not open has no hello to give, and a server hangs up on a link without one.
START_TEST(a_node_that_opens_late_links_late)
{
    rig_start(&rig);
    rig_join(&rig);
    rig_fault(&rig, "fail node_open.pool\n");
    rig_run_agent(&rig);
    rig_serve_ms(&rig, 2000);
    ck_assert(!rig_exists(&rig, "fault"));
    ck_assert_ptr_null(rig.ws);
    json_decref(rig_welcome(&rig)); // it tries again after ten seconds
    rig_finish(&rig);
}
END_TEST

static void expect_nothing(void)
{
    ck_assert(!rig_exists(&rig, "vps/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/guests/0190a000-0000-7000-8000-0000000000aa"));
    ck_assert(!rig_exists(&rig, "fake/network/crv1"));
}

START_TEST(a_task_that_hangs_is_killed_run_again_and_given_up)
{
    start_agent();
    rig.deadline_s = 1;
    rig_fault(&rig, "hang vps_create.start\n");
    expect_done(rig_task(&rig, "vps_create", vps, 1, 1), "running"); // by its second run
    expect_done(rig_task(&rig, "vps_delete", vps, 2, 2), "absent");
    rig_fault(&rig, "hang vps_create.start\nhang vps_create.attach\n");
    json_t *result = rig_result(&rig, rig_task(&rig, "vps_create", vps, 3, 3));
    ck_assert_str_eq(json_get_string(result, "status", ""), "failed");
    ck_assert_str_eq(json_get_string(result, "observed", ""), "absent");
    ck_assert_str_eq(json_get_string(json_object_get(result, "error"), "code", ""), "timeout");
    json_decref(result);
    ck_assert(!rig_exists(&rig, "fault"));
    expect_nothing();
    rig_finish(&rig);
}
END_TEST

#endif

int main(void)
{
    const TTest *const tests[] = {a_vps_is_made_measured_and_deleted,
                                  what_the_node_believes_is_not_the_links_to_change,
                                  guests_and_tasks_outlive_every_process,
                                  an_old_certificate_is_renewed_and_the_new_one_used,
                                  after_a_reboot_what_ran_runs_again_without_a_server,
#ifdef CROFT_FAULTS
                                  a_task_survives_the_death_of_any_process,
                                  a_create_that_fails_takes_everything_back,
                                  a_task_whose_worker_always_dies_is_given_up,
                                  a_node_that_opens_late_links_late,
                                  a_task_that_hangs_is_killed_run_again_and_given_up,
#endif
                                  NULL};
    if (geteuid() != 0) {
        return 77; // workers own files for guests
    }
    Suite *suite = suite_create("link");
    TCase *cases = tcase_create("link");
    tcase_set_timeout(cases, 90);
    for (size_t i = 0; tests[i]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
