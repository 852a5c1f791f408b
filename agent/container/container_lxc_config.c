#include "address.h"
#include "config.h"
#include "container_lxc.h"
#include "host.h"
#include "log.h"
#include "plan_limits.h"
#include "process.h"
#include "surface.h"
#include "sysfile.h"
#include "uuid.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { TEXT_SIZE = 16384, VALUE_SIZE = 1024, SECCOMP_SIZE = 4096 };

// A growing configuration; the first error sticks and is returned at the end.
struct text {
    char bytes[TEXT_SIZE];
    size_t used;
    bool failed;
};

// The gate: one `key = value` line, whose value must be printable and fit.
_printf_(3, 4) static void put(struct text *text, const char *key, const char *fmt, ...)
{
    char value[VALUE_SIZE];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (len < 0 || len >= VALUE_SIZE) {
        text->failed = true;
        return;
    }
    for (const char *c = value; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            text->failed = true;
            return;
        }
    }
    int n = snprintf(text->bytes + text->used, TEXT_SIZE - text->used, "%s = %s\n", key, value);
    if (n < 0 || (size_t)n >= TEXT_SIZE - text->used) {
        text->failed = true;
        return;
    }
    text->used += (size_t)n;
}

static void put_basics(struct text *text, const struct agent_config *config,
                       const struct vps_spec *spec, const struct volume_root *root)
{
    put(text, "lxc.uts.name", "%s", spec->hostname);
    put(text, "lxc.arch", "%s", "linux64");
    put(text, "lxc.rootfs.path", "dir:%s", root->path);
    if (root->id_mapped) {
        put(text, "lxc.rootfs.options", "%s", "idmap=container");
    }
    if (root->beside[0]) {
        // Detached and id-mapped by liblxc before it is put below the rescue root: the guest's own files
        // are its own in there, and nothing of the host is followed on the way.
        put(text, "lxc.mount.entry", "%s mnt none bind,nodev%s,create=dir 0 0", root->beside,
            root->id_mapped && !root->layered[0] ? ",idmap=container" : "");
    }
    put(text, "lxc.idmap", "u 0 %u %d", spec->id_base, IDS_PER_VPS);
    put(text, "lxc.idmap", "g 0 %u %d", spec->id_base, IDS_PER_VPS);
    put(text, "lxc.init.cmd", "%s", "/sbin/init");
    put(text, "lxc.autodev", "%d", 1);
    put(text, "lxc.tty.max", "%d", 1);
    put(text, "lxc.pty.max", "%d", 1024);
    put(text, "lxc.log.file", "%s/vps/%s/log", config->state_dir, spec->vps);
    put(text, "lxc.log.level", "%s", "ERROR");
    // Bounded: the guest writes it.
    put(text, "lxc.console.logfile", "%s/vps/%s/console.log", config->state_dir, spec->vps);
    put(text, "lxc.console.buffer.size", "%s", "64KB");
    put(text, "lxc.console.size", "%s", "256KB");
}

static void put_masks(struct text *text, const struct agent_config *config)
{
    for (size_t i = 0; surface_hidden_files[i]; i++) {
        put(text, "lxc.mount.entry", "/dev/null %s none bind,optional 0 0",
            surface_hidden_files[i]);
    }
    for (size_t i = 0; surface_hidden_folders[i]; i++) {
        // One empty folder, nobody's in there, for all: a tmpfs each would cost each guest 100 KiB of the kernel.
        put(text, "lxc.mount.entry", "%s/empty %s none bind,ro,optional 0 0", config->state_dir,
            surface_hidden_folders[i]);
    }
}

static void put_confinement(struct text *text, const struct agent_config *config,
                            const struct vps_spec *spec, const struct host_facts *facts)
{
    for (size_t i = 0; surface_dropped[i]; i++) {
        put(text, "lxc.cap.drop", "%s", surface_dropped[i]);
    }
    put(text, "lxc.seccomp.profile", "%s/vps/%s/seccomp", config->state_dir, spec->vps);
    put(text, "lxc.mount.auto", "%s", "proc:mixed sys:mixed cgroup:mixed");
    if (facts->apparmor) {
        put(text, "lxc.apparmor.profile", "%s", "generated");
        put(text, "lxc.apparmor.allow_nesting", "%d", 1); // systemd's sandboxed units mount
    }
}

// What a plan may switch on. Nodes of our own, since the mode of the host's is the host's affair.
static const struct {
    const char *name, *target;
    unsigned minor;
} switched[] = {
    {"tun", "dev/net/tun", 200},
    {"fuse", "dev/fuse", 229},
};

static bool has_device(const struct vps_spec *spec, size_t index)
{
    return index == 0 ? spec->features.tun : spec->features.fuse;
}

static int make_devices(const struct agent_config *config, const struct vps_spec *spec,
                        struct err *err)
{
    char path[512];
    int r = sysfile_path(path, sizeof(path), err, "%s/dev", config->state_dir);
    if (r == 0 && (spec->features.tun || spec->features.fuse)) {
        r = sysfile_mkdir(path, 0711, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(switched) && r == 0; i++) {
        if (!has_device(spec, i)) {
            continue;
        }
        r = sysfile_path(path, sizeof(path), err, "%s/dev/%s", config->state_dir, switched[i].name);
        if (r == 0 &&
            ((mknod(path, S_IFCHR, makedev(10, switched[i].minor)) < 0 && errno != EEXIST) ||
             chmod(path, 0666) < 0)) {
            r = err_errno(err, errno, "making %s", path);
        }
    }
    return r;
}

static void put_devices(struct text *text, const struct agent_config *config,
                        const struct vps_spec *spec, const char *deny, const char *allow)
{
    put(text, deny, "%s", "a");
    for (size_t i = 0; surface_devices[i]; i++) {
        put(text, allow, "%s", surface_devices[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(switched); i++) {
        if (has_device(spec, i)) {
            put(text, allow, "c 10:%u rwm", switched[i].minor);
            put(text, "lxc.mount.entry", "%s/dev/%s %s none bind,create=file 0 0",
                config->state_dir, switched[i].name, switched[i].target);
        }
    }
}

// A guest may mount proc and sysfs anew, as its own containers need, only while an instance that nothing is
// mounted over is in its sight.
static void put_nesting(struct text *text)
{
    put(text, "lxc.mount.entry", "%s", "proc dev/.lxc/proc proc create=dir,optional 0 0");
    put(text, "lxc.mount.entry", "%s", "sysfs dev/.lxc/sys sysfs create=dir,optional 0 0");
}

static void put_limits(struct text *text, const struct vps_spec *spec, int version, dev_t disk)
{
    struct limit limits[LIMITS_MAX];
    size_t count = plan_limits_list(spec, version, disk, limits);
    for (size_t i = 0; i < count; i++) {
        char key[96];
        snprintf(key, sizeof(key), "lxc.cgroup%s.%.63s", version == 2 ? "2" : "", limits[i].file);
        put(text, key, "%s", limits[i].value);
    }
}

static const struct vps_address *first_of_family(const struct vps_spec *spec, int family)
{
    for (size_t i = 0; i < spec->address_count; i++) {
        if (spec->addresses[i].family == family) {
            return &spec->addresses[i];
        }
    }
    return NULL;
}

// A stable address of our own making, so that nothing in the guest changes with a restart.
static void put_hardware_address(struct text *text, const struct vps_spec *spec)
{
    unsigned slot = spec->slot;
    put(text, "lxc.net.0.hwaddr", "02:c4:%02x:%02x:%02x:%02x", slot >> 24, slot >> 16 & 0xff,
        slot >> 8 & 0xff, slot & 0xff);
}

static void put_network(struct text *text, const struct vps_spec *spec)
{
    put(text, "lxc.net.0.type", "%s", "veth");
    put(text, "lxc.net.0.veth.mode", "%s", "router");
    put(text, "lxc.net.0.veth.pair", "crv%u", spec->slot);
    put(text, "lxc.net.0.name", "%s", "eth0");
    put(text, "lxc.net.0.flags", "%s", "up");
    put_hardware_address(text, spec);
    for (size_t i = 0; i < spec->address_count; i++) {
        const struct vps_address *address = &spec->addresses[i];
        put(text, address->family == 4 ? "lxc.net.0.ipv4.address" : "lxc.net.0.ipv6.address",
            "%s/%u", address->text, address_prefix(address));
    }
    if (first_of_family(spec, 4)) {
        put(text, "lxc.net.0.ipv4.gateway", "%s", "169.254.0.1");
    }
    if (first_of_family(spec, 6)) {
        put(text, "lxc.net.0.ipv6.gateway", "%s", "fe80::1");
    }
}

// lxcfs by plain mounts: Debian's hook would cost 40 ms a start.
static void put_lxcfs(struct text *text)
{
    for (size_t i = 0; surface_lxcfs[i]; i++) {
        put(text, "lxc.mount.entry", "/var/lib/lxcfs/%s %s none bind,optional 0 0",
            surface_lxcfs[i], surface_lxcfs[i]);
    }
}

// In memory, so that a full or failing disk loses no note; after a reboot of the node all that ran is started anyway.
#define REBOOT_NOTES "/run/croft-reboots"

static int reboot_path(char *path, size_t size, const char *vps, struct err *err)
{
    return sysfile_path(path, size, err, REBOOT_NOTES "/%s", vps);
}

// A guest that reboots itself would be started by liblxc (5.0) in the same process, where it no longer id-maps the root: a guest that
// owns none of its files. A post-stop hook that fails makes that a stop; the broker finds the note and starts it as any other.
static void put_reboot(struct text *text, const char *vps)
{
    put(text, "lxc.hook.post-stop",
        "/bin/sh -c '[ \"$LXC_TARGET\" != reboot ] || { : >" REBOOT_NOTES "/%s; exit 1; }'", vps);
}

// "8:0,8:16"; "-" for none.
static void disks_text(const struct pool_disks *disks, char *out, size_t size)
{
    size_t used = 0;
    snprintf(out, size, "-");
    for (size_t i = 0; i < disks->count && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%u:%u", i ? "," : "",
                                 major(disks->disks[i]), minor(disks->disks[i]));
    }
}

// In a word of the shell's.
static bool is_quotable(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c) || *c == '\'') {
            return false;
        }
    }
    return true;
}

// The network's script runs while device and cgroups are there; when `lxc.hook.stop` does, the device is gone.
int lxc_config_count_end(struct lxc_container *container, const struct agent_config *config,
                         const struct vps_spec *spec, const struct container_start *how,
                         struct err *err)
{
    char program[PATH_MAX], disks[POOL_DISKS_MAX * 24], value[2 * PATH_MAX];
    if (!how->boot) {
        return 0;
    }
    int r = process_program("croft-agent-last", program, err);
    if (r < 0) {
        return r;
    }
    disks_text(how->disks, disks, sizeof(disks));
    int len = snprintf(value, sizeof(value), "'%s' '%s' %s %s %u %s", program, config->state_dir,
                       spec->vps, how->boot, spec->slot, disks);
    if (len >= (int)sizeof(value) || !is_quotable(program) || !is_quotable(config->state_dir) ||
        !uuid_is(spec->vps) || !uuid_is(how->boot)) {
        return err_set(err, ERR_INVALID, "a value cannot go into a container's configuration");
    }
    return container->set_config_item(container, "lxc.net.0.script.down", value)
               ? 0
               : err_set(err, ERR_SYSTEM, "liblxc does not take a script for the end of vps %s",
                         spec->vps);
}

bool lxc_config_rebooted(const char *vps)
{
    char path[512];
    struct err err;
    return reboot_path(path, sizeof(path), vps, &err) == 0 && access(path, F_OK) == 0;
}

void lxc_config_forget_reboot(const char *vps, const struct timespec *before)
{
    char path[512];
    struct stat st;
    struct err err;
    if (reboot_path(path, sizeof(path), vps, &err) < 0 || stat(path, &st) < 0) {
        return;
    }
    bool older = st.st_mtim.tv_sec < before->tv_sec ||
                 (st.st_mtim.tv_sec == before->tv_sec && st.st_mtim.tv_nsec <= before->tv_nsec);
    if (older && unlink(path) < 0 && errno != ENOENT) {
        log_warn("reboot_note", "vps=%s error=%s", vps, strerrordesc_np(errno));
    }
}

static void fill(struct text *text, const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_root *root)
{
    struct host_facts facts;
    host_observe(&facts);
    put_basics(text, config, spec, root);
    put_confinement(text, config, spec, &facts);
    // Written anew before each start, so that a node that came up with the other layout is no
    // matter; on a hybrid host the second set would only cost liblxc a device program in an empty
    // tree.
    bool v2 = facts.cgroup_version == 2;
    put_limits(text, spec, facts.cgroup_version, root->disk);
    put_devices(text, config, spec, v2 ? "lxc.cgroup2.devices.deny" : "lxc.cgroup.devices.deny",
                v2 ? "lxc.cgroup2.devices.allow" : "lxc.cgroup.devices.allow");
    if (spec->features.nesting) {
        put_nesting(text);
    }
    put_network(text, spec);
    if (facts.lxcfs) {
        put_lxcfs(text);
    }
    put_masks(text, config);
    put_reboot(text, spec->vps);
}

int lxc_config_write(const struct agent_config *config, const struct vps_spec *spec,
                     const struct volume_root *root, struct err *err)
{
    char path[512], seccomp[SECCOMP_SIZE];
    _cleanup_free_ struct text *text = calloc(1, sizeof(*text));
    if (!text) {
        abort();
    }
    fill(text, config, spec, root);
    if (text->failed) {
        return err_set(err, ERR_INVALID, "a value cannot go into a container's configuration");
    }
    int r =
        sysfile_path(path, sizeof(path), err, "%s/vps/%s/seccomp", config->state_dir, spec->vps);
    if (r == 0) {
        r = lxc_seccomp_profile(seccomp, sizeof(seccomp), err);
    }
    if (r == 0) {
        r = sysfile_replace(path, 0600, seccomp, err);
    }
    if (r == 0) {
        r = make_devices(config, spec, err);
    }
    if (r == 0) {
        r = sysfile_path(path, sizeof(path), err, "%s/empty", config->state_dir);
    }
    if (r == 0) {
        r = sysfile_mkdir(path, 0555, err);
    }
    if (r == 0) {
        r = sysfile_mkdir(REBOOT_NOTES, 0700, err);
    }
    if (r == 0) {
        r = sysfile_path(path, sizeof(path), err, "%s/vps/%s/config", config->state_dir, spec->vps);
    }
    return r < 0 ? r : sysfile_replace(path, 0600, text->bytes, err);
}
