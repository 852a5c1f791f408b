#include "subject.h"

#include "bounds.h"
#include "container_lxc.h"
#include "guest.h"
#include "uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

enum { START_S = 30, BOOT_S = 90 };

void subject_describe(struct site *site, struct vps_spec *ret_spec)
{
    unsigned n = site->made++;
    *ret_spec = (struct vps_spec){
        .desired_running = true,
        .id_base = (uint32_t)(site->config.ids.base + (int64_t)n * IDS_PER_VPS),
        .slot = n,
        .generation = 1,
        .limits = {.vcpus = 1,
                   .memory_bytes = INT64_C(512) << 20,
                   .disk_bytes = INT64_C(1) << 30,
                   .pids = 512},
        .image = site->image.image,
        .address_count = 2,
        .addresses = {{.family = 4}, {.family = 6}},
    };
    uuid_make(ret_spec->vps);
    snprintf(ret_spec->hostname, sizeof(ret_spec->hostname), "check%u", n);
    snprintf(ret_spec->addresses[0].text, sizeof(ret_spec->addresses[0].text), "203.0.113.%u",
             n + 1);
    snprintf(ret_spec->addresses[1].text, sizeof(ret_spec->addresses[1].text), "2001:db8::%x",
             n + 1);
}

// In a process of its own: liblxc leaves the caller in the guest's monitor cgroup.
static int subject_start(struct site *site, const struct subject *subject, struct err *err)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err why = {0};
        close(site->keeper); // the guest outlives us, and must not keep the keeper waiting
        struct volume_root root;
        const struct container_start how = {.timeout_s = START_S};
        int r = site->drivers.volume->root(&site->config, subject->spec.vps, &root, &why);
        if (r == 0) {
            r = site->drivers.container->start(&site->config, &subject->spec, &root, &how, &why);
        }
        if (r < 0) {
            fprintf(stderr, "croft-agent check: %s\n", why.text);
        }
        _exit(-r);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        return err_set(err, ERR_SYSTEM, "a guest did not start");
    }
    return site->drivers.network->attach(&site->config, &subject->spec, err);
}

static int wait_until_up(struct site *site, const struct subject *subject, struct err *err)
{
    struct run_result run;
    int r =
        subject_run(site, subject,
                    "n=0; until s=$(systemctl is-system-running 2>&1); [ \"$s\" = running ] || "
                    "[ \"$s\" = degraded ]; do n=$((n+1)); [ $n -lt 400 ] || exit 1; sleep 0.2; "
                    "done; echo $s",
                    BOOT_S, &run, err);
    return r == 0 && run.status != 0
               ? err_set(err, ERR_TIMEOUT, "a guest did not come up: %s", run.text)
               : r;
}

int subject_create(struct site *site, struct subject *subject, struct err *err)
{
    const struct drivers *drivers = &site->drivers;
    const struct agent_config *config = &site->config;
    struct volume_root root;
    int r = drivers->volume->create(config, &subject->spec, err);
    if (r == 0) {
        r = drivers->volume->limit(config, &subject->spec, err);
    }
    if (r == 0) {
        r = drivers->volume->root(config, subject->spec.vps, &root, err);
    }
    if (r == 0) {
        r = guest_prepare(config, &subject->spec, &root, err);
    }
    if (r == 0) {
        r = drivers->container->define(config, &subject->spec, &root, err);
    }
    if (r == 0) {
        r = drivers->network->prepare(config, &subject->spec, err);
    }
    if (r == 0) {
        r = subject_start(site, subject, err);
    }
    return r < 0 ? r : wait_until_up(site, subject, err);
}

int subject_restart(struct site *site, const struct subject *subject, struct err *err)
{
    int r = site->drivers.container->stop(&site->config, subject->spec.vps, 0, err);
    if (r == 0) {
        r = subject_start(site, subject, err);
    }
    return r < 0 ? r : wait_until_up(site, subject, err);
}

int subject_ensure(struct site *site, const struct subject *subject, struct err *err)
{
    enum observed observed;
    int r = site->drivers.container->observe(&site->config, subject->spec.vps, &observed, err);
    return r < 0 || observed == OBSERVED_RUNNING ? r : subject_restart(site, subject, err);
}

int subject_reboots(struct site *site, const struct subject *subject, bool *ret_reboots,
                    struct err *err)
{
    const struct container_driver *container = site->drivers.container;
    enum observed observed;
    int r = container->observe(&site->config, subject->spec.vps, &observed, err);
    if (r == 0) {
        *ret_reboots =
            observed == OBSERVED_STOPPED &&
            container->is_coming_back(&site->config, subject->spec.vps, OBSERVED_RUNNING);
    }
    return r;
}

// liblxc's attach in a process that is a group leader: what it leads to can be ended whole.
static pid_t attach(struct site *site, const struct subject *subject, lxc_attach_exec_t function,
                    void *arg, int out)
{
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    _cleanup_container_ struct lxc_container *container = NULL;
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    pid_t inner;
    int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    close(site->keeper);
    setpgid(0, 0);
    bounds_take();
    options.stdin_fd = null;
    options.stdout_fd = out >= 0 ? out : null;
    options.stderr_fd = out >= 0 ? out : null;
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    if (lxc_load(&site->config, subject->spec.vps, &container, NULL) < 0 ||
        container->attach(container, function, arg, &options, &inner) < 0 ||
        waitpid(inner, &status, 0) != inner) {
        _exit(125);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

// What was said at the end, at most as much as there is room for.
static void collect(int fd, char text[RUN_TEXT_SIZE])
{
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > RUN_TEXT_SIZE - 1 ? size - (RUN_TEXT_SIZE - 1) : 0;
    ssize_t n = pread(fd, text, RUN_TEXT_SIZE - 1, from);
    text[n > 0 ? n : 0] = '\0';
}

int subject_finish(pid_t pid, int out, struct run_result *ret_result, struct err *err)
{
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return err_errno(err, errno, "running a command");
    }
    ret_result->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    collect(out, ret_result->text);
    return 0;
}

static int open_out(const struct site *site, struct err *err)
{
    int fd = open(site->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return fd < 0 ? err_errno(err, errno, "a temporary file") : fd;
}

// What a command left running when its time was over ends with it.
static lxc_attach_command_t shell(char *argv[8], char limit[16], const char *command,
                                  unsigned timeout_s)
{
    snprintf(limit, 16, "%u", timeout_s);
    argv[0] = (char *)"timeout";
    argv[1] = (char *)"-s";
    argv[2] = (char *)"KILL";
    argv[3] = limit;
    argv[4] = (char *)"/bin/sh";
    argv[5] = (char *)"-c";
    argv[6] = (char *)command;
    argv[7] = NULL;
    return (lxc_attach_command_t){.program = argv[0], .argv = argv};
}

int subject_run(struct site *site, const struct subject *subject, const char *command,
                unsigned timeout_s, struct run_result *ret_result, struct err *err)
{
    char *argv[8], limit[16];
    lxc_attach_command_t program = shell(argv, limit, command, timeout_s);
    _cleanup_fd_ int out = open_out(site, err);
    if (out < 0) {
        return out;
    }
    return subject_finish(attach(site, subject, lxc_attach_run_command, &program, out), out,
                          ret_result, err);
}

// In a process namespace whose end nothing in it survives, a fork bomb neither.
pid_t subject_begin(struct site *site, const struct subject *subject, const char *command)
{
    char *argv[] = {
        (char *)"unshare", (char *)"--pid", (char *)"--fork", (char *)"--kill-child=KILL",
        (char *)"/bin/sh", (char *)"-c",    (char *)command,  NULL};
    lxc_attach_command_t program = {.program = argv[0], .argv = argv};
    return attach(site, subject, lxc_attach_run_command, &program, -1);
}

void subject_end(pid_t pid)
{
    if (pid > 0) {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

int subject_call(struct site *site, const struct subject *subject, int (*function)(void *),
                 void *arg)
{
    struct run_result run;
    _cleanup_fd_ int out = open_out(site, NULL);
    int r = subject_finish(attach(site, subject, function, arg, out), out, &run, NULL);
    return r < 0 ? 125 : run.status;
}
