#include "template.h"

#include "process.h"
#include "unit.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

// Workers that find no valid task say so and end: enough to see who they are.

static char dir[32], config_path[64];

static void setup(void)
{
    static char agent[PATH_MAX];
    ck_assert_ptr_nonnull(getenv("CROFT_AGENT"));
    snprintf(agent, sizeof(agent), "%s", getenv("CROFT_AGENT"));
    process_set_folder(dirname(agent));
    strcpy(dir, "/tmp/croft-template-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(config_path, sizeof(config_path), "%s/config", dir);
    FILE *file = fopen(config_path, "w");
    fprintf(file, "state_dir: %s\nserver: localhost:1\nname: test\n", dir);
    fclose(file);
    process_init(config_path);
}

static void teardown(void)
{
    unlink(config_path);
    rmdir(dir);
}

// What a worker that was given no task answers; it must be a child of this process.
static void expect_worker(struct template *template)
{
    struct err err = {0};
    int out[2];
    pid_t pid = 0;
    char answer[512] = "";
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(template_fork(template, in, out[1], &pid, &err), 0);
    close(in);
    close(out[1]);
    ck_assert_int_gt(read(out[0], answer, sizeof(answer) - 1), 0);
    close(out[0]);
    ck_assert_ptr_nonnull(strstr(answer, "\"failed\""));
    int status = -1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(each_fork_is_a_worker_and_our_child)
{
    struct template *template = template_create();
    for (int i = 0; i < 5; i++) {
        expect_worker(template);
    }
    template_destroy(template);
}
END_TEST

static pid_t only_child(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

START_TEST(a_template_that_was_killed_is_replaced)
{
    struct template *template = template_create();
    expect_worker(template);
    pid_t pid = only_child();
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    expect_worker(template);
    ck_assert_int_ne(only_child(), pid);
    template_destroy(template);
}
END_TEST

START_TEST(without_its_program_there_is_an_error)
{
    struct template *template = template_create();
    struct err err = {0};
    pid_t pid;
    process_set_folder(dir);
    ck_assert_int_lt(template_fork(template, 0, 1, &pid, &err), 0);
    template_destroy(template);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *cases = tcase_create("template");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, each_fork_is_a_worker_and_our_child);
    tcase_add_test(cases, a_template_that_was_killed_is_replaced);
    tcase_add_test(cases, without_its_program_there_is_an_error);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
