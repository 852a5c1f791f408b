// The real drivers on a real kernel: run as root.
#include "test_drivers.h"

#include "process.h"
#include "rig.h"

#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_suites(const char *state_dir)
{
    rig_setup(state_dir);
    SRunner *runner = srunner_create(suite_image());
    srunner_add_suite(runner, suite_guest());
    srunner_add_suite(runner, suite_volume());
    srunner_add_suite(runner, suite_container());
    srunner_add_suite(runner, suite_copies());
    srunner_add_suite(runner, suite_layer());
    srunner_add_suite(runner, suite_live());
    srunner_add_suite(runner, suite_network());
    srunner_add_suite(runner, suite_neighbours());
    srunner_add_suite(runner, suite_shared());
    srunner_add_suite(runner, suite_engines());
    srunner_add_suite(runner, suite_hostile());
    srunner_add_suite(runner, suite_traffic());
    srunner_add_suite(runner, suite_filter());
    srunner_add_suite(runner, suite_full());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

// The parent only waits and cleans up, so that a crash or a signal leaves nothing behind.
int main(void)
{
    char state_dir[] = "/var/lib/croft-test-XXXXXX";
    char *agent = getenv("CROFT_AGENT"); // croft-agent, which unpacks and speaks to nftables
    if (agent) {
        process_set_folder(dirname(agent));
    }
    if (geteuid() != 0 || !mkdtemp(state_dir)) {
        fprintf(stderr, "SKIP: must be root\n");
        return 77;
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        exit(run_suites(state_dir));
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    int status = -1;
    waitpid(pid, &status, 0);
    rig_clean(state_dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
