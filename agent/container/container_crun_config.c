#include "container_crun.h"

#include "bounds.h"
#include "host.h"
#include "json.h"
#include "surface.h"

#include <ctype.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

// In the order of their numbers (capabilities(7)).
static const char *const capabilities[] = {
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};

static bool is_dropped(const char *capability)
{
    for (size_t i = 0; surface_dropped[i]; i++) {
        if (strcasecmp(surface_dropped[i], capability) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *kept_capabilities(void)
{
    json_t *kept = json_array();
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
        if (!is_dropped(capabilities[i])) {
            json_array_append_new(kept, json_sprintf("CAP_%s", capabilities[i]));
        }
    }
    return kept;
}

// As setrlimit(2) names them: "RLIMIT_CORE".
static void add_bound(json_t *bounds, const char *name, long long value)
{
    char type[48] = "RLIMIT_";
    size_t used = strlen(type);
    for (; *name && used < sizeof(type) - 1; name++) {
        type[used++] = (char)toupper((unsigned char)*name);
    }
    json_array_append_new(bounds, json_pack("{s:s%, s:I, s:I}", "type", type, used, "soft",
                                            (json_int_t)value, "hard", (json_int_t)value));
}

static json_t *bounds(void)
{
    struct bound of_init[BOUNDS_OF_INIT_MAX];
    size_t count = bounds_of_init(of_init);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        add_bound(all, of_init[i].name, of_init[i].value);
    }
    return all;
}

static json_t *process(void)
{
    json_t *kept = kept_capabilities();
    return json_pack("{s:b, s:{s:i, s:i}, s:[s], s:[s, s], s:s, s:b, s:o, s:{s:O, s:O, s:O, s:o}}",
                     "terminal", 0, "user", "uid", 0, "gid", 0, "args", "/sbin/init", "env",
                     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                     "container=oci", "cwd", "/", "noNewPrivileges", 0, "rlimits", bounds(),
                     "capabilities", "bounding", kept, "effective", kept, "permitted", kept,
                     "inheritable", json_array());
}

static void add_mount(json_t *mounts, const char *at, const char *type, const char *source,
                      const char *options)
{
    json_t *list = json_array();
    for (const char *word = options; *word;) {
        size_t len = strcspn(word, ",");
        json_array_append_new(list, json_stringn(word, len));
        word += len + (word[len] == ',');
    }
    json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:o}", "destination", at, "type", type,
                                            "source", source, "options", list));
}

static json_t *mounts(const struct host_facts *facts)
{
    json_t *all = json_array();
    add_mount(all, "/proc", "proc", "proc", "nosuid,nodev,noexec");
    add_mount(all, "/sys", "sysfs", "sysfs", "nosuid,nodev,noexec,ro");
    add_mount(all, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=500k");
    add_mount(all, "/dev/pts", "devpts", "devpts",
              "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5");
    add_mount(all, "/dev/shm", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777");
    add_mount(all, "/dev/mqueue", "mqueue", "mqueue", "nosuid,nodev,noexec");
    add_mount(all, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,nodev,noexec,rw");
    // There is no terminal. What init says goes nowhere, rather than without bound to a file of the host's.
    add_mount(all, "/dev/console", "bind", "/dev/null", "bind");
    for (size_t i = 0; facts->lxcfs && surface_lxcfs[i]; i++) {
        char from[128], at[128];
        snprintf(from, sizeof(from), "/var/lib/lxcfs/%.64s", surface_lxcfs[i]);
        snprintf(at, sizeof(at), "/%.64s", surface_lxcfs[i]);
        if (access(from, F_OK) == 0) {
            add_mount(all, at, "bind", from, "bind");
        }
    }
    return all;
}

static json_t *system_calls(void)
{
    json_t *all = json_array();
    for (size_t i = 0; i < surface_call_count; i++) {
        const struct surface_call *call = &surface_calls[i];
        json_t *row = json_pack("{s:[s], s:s, s:i}", "names", call->name, "action",
                                "SCMP_ACT_ERRNO", "errnoRet", call->error);
        if (call->bits) {
            json_object_set_new(row, "args",
                                json_pack("[{s:i, s:I, s:I, s:s}]", "index", (int)call->argument,
                                          "value", (json_int_t)call->bits, "valueTwo",
                                          (json_int_t)call->value, "op", "SCMP_CMP_MASKED_EQ"));
        }
        json_array_append_new(all, row);
    }
    return all;
}

// The processor's other ways to call its kernel are held to the same.
static json_t *seccomp(void)
{
#if defined(__x86_64__)
    json_t *machines = json_pack("[s, s, s]", "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32");
#elif defined(__aarch64__)
    json_t *machines = json_pack("[s, s]", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM");
#else
#error "which system calls does this processor have?"
#endif
    return json_pack("{s:s, s:o, s:o}", "defaultAction", "SCMP_ACT_ALLOW", "architectures",
                     machines, "syscalls", system_calls());
}

static json_t *hidden(void)
{
    json_t *paths = json_array();
    for (size_t i = 0; surface_hidden_files[i]; i++) {
        json_array_append_new(paths, json_sprintf("/%s", surface_hidden_files[i]));
    }
    for (size_t i = 0; surface_hidden_folders[i]; i++) {
        json_array_append_new(paths, json_sprintf("/%s", surface_hidden_folders[i]));
    }
    return paths;
}

// All settings of the kernel but those of the network, which are the guest's own.
static json_t *only_read(void)
{
    return json_pack("[s, s, s, s, s, s, s, s]", "/proc/sys/abi", "/proc/sys/debug",
                     "/proc/sys/dev", "/proc/sys/fs", "/proc/sys/kernel", "/proc/sys/user",
                     "/proc/sys/vm", "/proc/sysrq-trigger");
}

// The user namespace is made before (container_crun_run.c).
static json_t *namespaces(const char *folder)
{
    return json_pack("[{s:s, s:o}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}]", "type", "user",
                     "path", json_sprintf("%s/ids", folder), "type", "pid", "type", "mount", "type",
                     "network", "type", "ipc", "type", "uts", "type", "cgroup");
}

int crun_config(const char *folder, const struct vps_spec *spec, const struct volume_root *root,
                json_t **ret_config, struct err *err)
{
    struct host_facts facts;
    host_observe(&facts);
    json_t *config = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, "
                               "s:{s:o, s:o, s:o, s:o}}",
                               "ociVersion", "1.0.0", "process", process(), "root", "path",
                               root->path, "readonly", 0, "hostname", spec->hostname, "mounts",
                               mounts(&facts), "linux", "namespaces", namespaces(folder), "seccomp",
                               seccomp(), "maskedPaths", hidden(), "readonlyPaths", only_read());
    if (!config) {
        return err_set(err, ERR_INVALID, "a value cannot go into a container's configuration");
    }
    *ret_config = config;
    return 0;
}
