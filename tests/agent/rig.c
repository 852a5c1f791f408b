#include "rig.h"

#include "file.h"
#include "guest.h"
#include "host.h"
#include "image.h"
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct agent_config rig_config;
const struct drivers rig_drivers = {&container_lxc, &volume_btrfs, &network_routed};

const struct container_driver *rig_container = &container_lxc;
const char *rig_boot;

static unsigned char secret_key[crypto_sign_SECRETKEYBYTES];

static void need(int ok, const char *what, const struct err *err)
{
    if (!ok) {
        fprintf(stderr, "cannot set the test up: %s%s%s\n", what, err ? ": " : "",
                err ? err->text : "");
        exit(1);
    }
}

int rig_host(const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_write(const char *path, const void *data, size_t len)
{
    char full[512];
    snprintf(full, sizeof(full), "%s/%s", rig_config.state_dir, path);
    unlink(full);
    FILE *file = fopen(full, "w");
    need(file && fwrite(data, 1, len, file) == len && fclose(file) == 0, full, NULL);
}

static void make_key(void)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    char hex[2 * sizeof(public_key) + 1];
    need(sodium_init() >= 0, "libsodium", NULL);
    crypto_sign_keypair(public_key, secret_key);
    sodium_bin2hex(hex, sizeof(hex), public_key, sizeof(public_key));
    rig_write("trust/image.pub", hex, strlen(hex));
}

// A private lxcfs: the machine's own may be absent, and must not depend on a test.
static void start_lxcfs(void)
{
    mkdir("/var/lib/lxcfs", 0755);
    char pid_file[512];
    snprintf(pid_file, sizeof(pid_file), "%s/lxcfs.pid", rig_config.state_dir);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
        execlp("lxcfs", "lxcfs", "-f", "-p", pid_file, "/var/lib/lxcfs", NULL);
        _exit(127);
    }
    struct host_facts facts = {0};
    for (int i = 0; i < 100 && !facts.lxcfs; i++) {
        usleep(20000);
        host_observe(&facts);
    }
    need(facts.lxcfs, "lxcfs does not start (is it installed?)", NULL);
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", pid);
    rig_write("lxcfs.child", text, (size_t)len);
}

void rig_setup(const char *state_dir)
{
    struct err err = {0};
    rig_config = (struct agent_config){
        .state_dir = state_dir,
        .drivers = {"lxc", "btrfs", "routed"},
        .pool = {.device = "", .size_bytes = INT64_C(2) << 30},
        .ids = {.base = 700000000, .count = 64},
        .network = {.connections = 8192},
    };
    need(geteuid() == 0, "must be root", NULL);
    need(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "namespaces", NULL);
    need(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "a private mount tree", NULL);
    need(rig_host("mkdir -p %s/trust %s/incoming %s/vps && chmod 711 %s && ip link set lo up",
                  state_dir, state_dir, state_dir, state_dir) == 0,
         "folders", NULL);
    make_key();
    start_lxcfs();
    need(rig_drivers.volume->open_pool(&rig_config, &err) == 0, "the pool", &err);
    need(rig_drivers.network->open(&rig_config, &err) == 0, "the network", &err);
}

void rig_clean(const char *state_dir)
{
    // Each container is one of ours by its folder; the namespaces end with their last process.
    rig_host("for v in %s/vps/*/; do v=$(basename \"$v\"); "
             "for g in /sys/fs/cgroup/pids/lxc.*.$v* /sys/fs/cgroup/lxc.*.$v*; do "
             "[ -d $g ] && find $g -name cgroup.procs -exec cat {} + | xargs -r kill -9; "
             "done; done 2>/dev/null; "
             "kill $(cat %s/lxcfs.child) 2>/dev/null; sleep 0.2; "
             "find /sys/fs/cgroup -maxdepth 2 -type d $(for v in %s/vps/*/; do "
             "printf -- '-name lxc.*.%%s* -o ' $(basename \"$v\"); done) -name croft-none "
             "2>/dev/null | xargs -r -I@ find @ -depth -type d -exec rmdir {} + 2>/dev/null; "
             "umount -l %s/pool 2>/dev/null; rm -rf --one-file-system %s /run/lxc/lock%s",
             state_dir, state_dir, state_dir, state_dir, state_dir, state_dir);
}

static void add_entry(struct archive *archive, const struct rig_entry *from, const void *data,
                      size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, from->name);
    archive_entry_set_perm(entry, from->mode);
    archive_entry_set_filetype(entry, from->type == 'd'   ? AE_IFDIR
                                      : from->type == 'l' ? AE_IFLNK
                                      : from->type == 'c' ? AE_IFCHR
                                                          : AE_IFREG);
    if (from->type == 'l') {
        archive_entry_set_symlink(entry, from->content);
    } else if (from->type == 'h') {
        archive_entry_set_hardlink(entry, from->content);
    } else if (from->type == 'f') {
        archive_entry_set_size(entry, (int64_t)size);
    }
    ck_assert_int_ge(archive_write_header(archive, entry), ARCHIVE_WARN);
    if (from->type == 'f') {
        archive_write_data(archive, data, size);
    }
    archive_entry_free(entry);
}

// Boots in a millisecond, ends when asked to.
static const char init_script[] = "#!/bin/sh\n"
                                  "trap 'exit 0' PWR TERM\n"
                                  "while :; do sleep 1000 & wait $!; done\n";

static void add_busybox(struct archive *archive)
{
    static const char *const folders[] = {"bin", "sbin", "etc", "proc",   "sys",
                                          "dev", "root", "tmp", "etc/ssh"};
    static const char *const commands[] = {"sh",    "sleep", "cat",  "dd",   "ping", "ip", "free",
                                           "nproc", "id",    "head", "tail", "true", "rm"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        add_entry(archive, &(struct rig_entry){folders[i], 'd', NULL, 0755}, NULL, 0);
    }
    int fd = open("/bin/busybox", O_RDONLY);
    struct stat st;
    need(fd >= 0 && fstat(fd, &st) == 0, "busybox-static is not installed", NULL);
    void *data = malloc((size_t)st.st_size);
    need(read(fd, data, (size_t)st.st_size) == st.st_size, "reading busybox", NULL);
    close(fd);
    add_entry(archive, &(struct rig_entry){"bin/busybox", 'f', NULL, 0755}, data,
              (size_t)st.st_size);
    free(data);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        char name[32];
        snprintf(name, sizeof(name), "bin/%s", commands[i]);
        add_entry(archive, &(struct rig_entry){name, 'l', "busybox", 0777}, NULL, 0);
    }
    add_entry(archive, &(struct rig_entry){"sbin/init", 'f', NULL, 0755}, init_script,
              strlen(init_script));
    add_entry(archive, &(struct rig_entry){"etc/ssh/ssh_host_rsa_key", 'f', NULL, 0600}, "old", 3);
}

static void sign(struct vps_spec *spec)
{
    unsigned char signature[crypto_sign_BYTES];
    char text[160];
    int len = snprintf(text, sizeof(text), "croft-image-v1\n%s\n%lld\n", spec->image.sha256,
                       (long long)spec->image.size);
    crypto_sign_detached(signature, NULL, (const unsigned char *)text, (size_t)len, secret_key);
    sodium_bin2hex(spec->image.signature, sizeof(spec->image.signature), signature,
                   sizeof(signature));
}

static void describe(struct vps_spec *spec, const void *buffer, size_t used)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, buffer, used);
    sodium_bin2hex(spec->image.sha256, sizeof(spec->image.sha256), hash, sizeof(hash));
    spec->image.size = (int64_t)used;
    snprintf(spec->image.name, sizeof(spec->image.name), "test");
    sign(spec);
    char path[128];
    snprintf(path, sizeof(path), "incoming/%s", spec->image.sha256);
    rig_write(path, buffer, used);
}

void rig_image(struct vps_spec *spec, const struct rig_entry *entries, int with_busybox)
{
    enum { ROOM = 8 << 20 };
    void *buffer = malloc(ROOM);
    size_t used = 0;
    struct archive *archive = archive_write_new();
    archive_write_add_filter_zstd(archive);
    archive_write_set_format_pax_restricted(archive);
    ck_assert_int_eq(archive_write_open_memory(archive, buffer, ROOM, &used), ARCHIVE_OK);
    if (with_busybox) {
        add_busybox(archive);
    }
    for (; entries && entries->name; entries++) {
        add_entry(archive, entries, entries->content,
                  entries->content ? strlen(entries->content) : 0);
    }
    ck_assert_int_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    describe(spec, buffer, used);
    free(buffer);
}

void rig_image_file(struct vps_spec *spec, const char *path)
{
    char *text;
    size_t len;
    struct err err = {0};
    ck_assert_msg(file_read(path, 64 << 20, &text, &len, &err) == 0, "%s", err.text);
    describe(spec, text, len);
    free(text);
}

void rig_spec(struct vps_spec *spec, unsigned n)
{
    *spec = (struct vps_spec){
        .desired_running = true,
        .id_base = (uint32_t)rig_config.ids.base + n * IDS_PER_VPS,
        .slot = n,
        .generation = 1,
        .limits = {.vcpus = 1, .memory_bytes = 64 << 20, .disk_bytes = 64 << 20, .pids = 64},
        .address_count = 2,
        .addresses = {{.family = 4}, {.family = 6}},
    };
    // The process id keeps cgroup names of two runs apart.
    snprintf(spec->vps, sizeof(spec->vps), "%08x-0000-7000-8000-%012x", (unsigned)getpid(), n);
    snprintf(spec->hostname, sizeof(spec->hostname), "guest%u", n);
    snprintf(spec->addresses[0].text, sizeof(spec->addresses[0].text), "10.83.7.%u", n + 1);
    snprintf(spec->addresses[1].text, sizeof(spec->addresses[1].text), "fd83::7:%x", n + 1);
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct err err_ = {0};                                                                     \
        struct err *err = &err_;                                                                   \
        int r_ = (call);                                                                           \
        ck_assert_msg(r_ == 0, "%s: %d %s", #call, r_, err_.text);                                 \
    } while (0)

int rig_start_here(const struct vps_spec *spec, struct err *err)
{
    struct volume_root root;
    int r = spec->rescue.sha256[0] ? volume_btrfs.scratch_root(&rig_config, spec->vps, &root, err)
                                   : volume_btrfs.root(&rig_config, spec->vps, &root, err);
    if (r == 0) {
        r = volume_btrfs.mount(&rig_config, spec, 0, &root, err);
    }
    struct pool_disks disks = {0};
    if (r == 0) {
        r = volume_btrfs.disks(&rig_config, &disks, err);
    }
    const struct container_start how = {rig_boot, &disks, 10};
    return r < 0 ? r : rig_container->start(&rig_config, spec, &root, &how, err);
}

int rig_start(const struct vps_spec *spec)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        int r = rig_start_here(spec, &err);
        if (r < 0) {
            fprintf(stderr, "start: %s\n", err.text);
        }
        _exit(-r);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : ERR_INTERNAL;
}

static void open_root(const struct vps_spec *spec, struct volume_root *root)
{
    pid_t monitor;
    MUST(container_lxc.monitor_pid(&rig_config, spec->vps, &monitor, err));
    MUST(volume_btrfs.root(&rig_config, spec->vps, root, err));
    MUST(volume_btrfs.mount(&rig_config, spec, monitor, root, err));
}

_noreturn_ static void run_in_root(const struct vps_spec *spec, const char *command)
{
    struct volume_root root;
    open_root(spec, &root);
    if (root.space > 0) {
        int home;
        MUST(layer_enter(root.space, &home, err));
    }
    if (chdir(root.path) < 0 ||
        (!root.id_mapped && (setresgid(spec->id_base, spec->id_base, spec->id_base) < 0 ||
                             setresuid(spec->id_base, spec->id_base, spec->id_base) < 0))) {
        perror("going into a guest's root");
        _exit(126);
    }
    execl("/bin/sh", "sh", "-c", command, NULL);
    _exit(127);
}

int rig_root(const struct vps_spec *spec, const char *fmt, ...)
{
    char command[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    pid_t pid = fork();
    if (pid == 0) {
        run_in_root(spec, command);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_chown(const struct vps_spec *spec, const char *name, unsigned uid, unsigned gid)
{
    struct volume_root root;
    open_root(spec, &root);
    unsigned base = root.id_mapped ? 0 : spec->id_base;
    int folder = root.tree > 0 ? dup(root.tree) : open(root.path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(fchownat(folder, name, base + uid, base + gid, AT_SYMLINK_NOFOLLOW), 0);
    close(folder);
}

void rig_create(struct vps_spec *spec)
{
    struct volume_root root;
    rig_image(spec, NULL, 1);
    MUST(image_install(&rig_config, &rig_drivers, spec, err));
    MUST(volume_btrfs.create(&rig_config, spec, err));
    MUST(volume_btrfs.limit(&rig_config, spec, err));
    MUST(volume_btrfs.root(&rig_config, spec->vps, &root, err));
    MUST(volume_btrfs.mount(&rig_config, spec, 0, &root, err));
    MUST(guest_prepare(&rig_config, spec, &root, err));
    MUST(rig_container->define(&rig_config, spec, &root, err));
    MUST(network_routed.prepare(&rig_config, spec, err));
    ck_assert_int_eq(rig_start(spec), 0);
    MUST(network_routed.attach(&rig_config, spec, err));
}

void rig_destroy(const struct vps_spec *spec)
{
    MUST(rig_container->stop(&rig_config, spec->vps, 5, err));
    MUST(rig_container->undefine(&rig_config, spec->vps, err));
    MUST(network_routed.remove(&rig_config, spec, err));
    MUST(volume_btrfs.destroy(&rig_config, spec->vps, err));
}

static struct lxc_container *open_container(const struct vps_spec *spec)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/vps", rig_config.state_dir);
    struct lxc_container *container = lxc_container_new(spec->vps, path);
    ck_assert_ptr_nonnull(container);
    return container;
}

static int wait_status(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// crun enters the namespaces and takes what the guest lacks, the cgroups are for us to enter (container_crun_run.c).
static const char enter_crun[] =
    "for g in /sys/fs/cgroup/*/lxc.payload.$0 /sys/fs/cgroup/lxc.payload.$0; do "
    "[ ! -d $g ] || echo $$ >$g/cgroup.procs; done; umount /sys/fs/cgroup/unified 2>/dev/null; "
    "exec crun --root /run/croft-crun --cgroup-manager=disabled exec $0 /bin/sh -c \"$1\"";

static int exec_crun(const struct vps_spec *spec, const char *command, int fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execlp("unshare", "unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
               enter_crun, spec->vps, command, NULL);
        _exit(127);
    }
    return wait_status(pid);
}

static int exec_lxc(const struct vps_spec *spec, const char *command, int fd)
{
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)command, NULL};
    lxc_attach_command_t program = {.program = argv[0], .argv = argv};
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    options.stdout_fd = fd;
    options.stderr_fd = fd;
    options.env_policy = LXC_ATTACH_CLEAR_ENV;
    struct lxc_container *container = open_container(spec);
    pid_t pid;
    int status = -1;
    if (container->attach(container, lxc_attach_run_command, &program, &options, &pid) == 0) {
        status = wait_status(pid);
    }
    lxc_container_put(container);
    return status;
}

int rig_exec(const struct vps_spec *spec, const char *command, char *out, size_t size)
{
    char path[] = "/tmp/croft-rig-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    int status = (rig_container == &container_crun ? exec_crun : exec_lxc)(spec, command, fd);
    if (out) {
        ssize_t n = pread(fd, out, size - 1, 0);
        out[n > 0 ? n : 0] = '\0';
    }
    close(fd);
    return status;
}

int rig_call(const struct vps_spec *spec, int (*function)(void *), void *arg)
{
    lxc_attach_options_t options = LXC_ATTACH_OPTIONS_DEFAULT;
    struct lxc_container *container = open_container(spec);
    pid_t pid;
    int status = -1;
    if (container->attach(container, function, arg, &options, &pid) == 0) {
        status = wait_status(pid);
    }
    lxc_container_put(container);
    return status;
}
