#include "site.h"

#include "image.h"
#include "subject.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char file_key[] = "trust/image.pub";

enum { CHUNK = 1 << 20 };

// A throw-away key signs the image, so that it comes in by the one way that images come in.
static int sign(struct site *site, struct err *err)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    char path[128], hex[2 * sizeof(public_key) + 1], text[160];
    struct spec_image *image = &site->image.image;
    crypto_sign_keypair(public_key, secret);
    sodium_bin2hex(hex, sizeof(hex), public_key, sizeof(public_key));
    int len = snprintf(text, sizeof(text), "croft-image-v1\n%s\n%lld\n", image->sha256,
                       (long long)image->size);
    crypto_sign_detached(signature, NULL, (const unsigned char *)text, (size_t)len, secret);
    sodium_memzero(secret, sizeof(secret));
    sodium_bin2hex(image->signature, sizeof(image->signature), signature, sizeof(signature));
    int r = sysfile_path(path, sizeof(path), err, "%s/%s", site->state_dir, file_key);
    return r < 0 ? r : sysfile_replace(path, 0644, hex, err);
}

// Copies the image to incoming/ under its hash.
static int take_image(struct site *site, const char *from, struct err *err)
{
    char fresh[128], path[160];
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    struct spec_image *image = &site->image.image;
    _cleanup_free_ unsigned char *chunk = malloc(CHUNK);
    snprintf(fresh, sizeof(fresh), "%s/incoming/new", site->state_dir);
    _cleanup_file_ FILE *in = fopen(from, "re"), *out = fopen(fresh, "we");
    if (!chunk || !in || !out) {
        return err_errno(err, errno, "opening %s", in ? fresh : from);
    }
    crypto_hash_sha256_init(&state);
    for (size_t n; (n = fread(chunk, 1, CHUNK, in)) > 0; image->size += (int64_t)n) {
        crypto_hash_sha256_update(&state, chunk, n);
        if (fwrite(chunk, 1, n, out) != n) {
            return err_errno(err, errno, "copying %s", from);
        }
    }
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2hex(image->sha256, sizeof(image->sha256), hash, sizeof(hash));
    snprintf(image->name, sizeof(image->name), "check");
    snprintf(path, sizeof(path), "%s/incoming/%s", site->state_dir, image->sha256);
    if (ferror(in) || fflush(out) != 0 || rename(fresh, path) < 0) {
        return err_errno(err, errno, "copying %s", from);
    }
    return 0;
}

static int make_folders(struct site *site, struct err *err)
{
    static const char *const folders[] = {"trust", "incoming", "vps", "run"};
    char path[128];
    int r = sysfile_mkdir(site->state_dir, 0711, err);
    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++) {
        snprintf(path, sizeof(path), "%s/%s", site->state_dir, folders[i]);
        r = sysfile_mkdir(path, 0711, err);
    }
    return r;
}

static int enter_namespaces(struct err *err)
{
    // The world's first, which becomes a descriptor; then the node's.
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) {
        return err_errno(err, errno, "making namespaces");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return err_errno(err, errno, "a private mount tree");
    }
    return 0;
}

static int open_world(struct site *site, struct err *err)
{
    char command[512];
    int r = enter_namespaces(err);
    if (r < 0) {
        return r;
    }
    site->world = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (site->world < 0 || unshare(CLONE_NEWNET) < 0) {
        return err_errno(err, errno, "making network namespaces");
    }
    snprintf(command, sizeof(command),
             "ip link set lo up && ip link add world type veth peer name node netns /proc/%d/fd/%d"
             " && ip address add " SITE_NODE_ADDRESS
             "/30 dev world && ip address add " SITE_NODE_ADDRESS6
             "/64 dev world nodad && ip link set world up",
             getpid(), site->world);
    struct run_result run;
    r = subject_run_host(site, HOST_NODE, command, 10, &run, err);
    if (r == 0 && run.status != 0) {
        r = err_set(err, ERR_SYSTEM, "making a network: %s", run.text);
    }
    if (r == 0) {
        r = subject_run_host(site, HOST_WORLD,
                             "ip link set lo up && ip address add " SITE_WORLD_ADDRESS
                             "/30 dev node && ip address add " SITE_WORLD_ADDRESS6
                             "/64 dev node nodad && ip link set node up && "
                             "ip route add default via " SITE_NODE_ADDRESS
                             " && ip -6 route add default via " SITE_NODE_ADDRESS6,
                             10, &run, err);
    }
    return r == 0 && run.status != 0
               ? err_set(err, ERR_SYSTEM, "making the other network: %s", run.text)
               : r;
}

// What programs of the image expect when the host runs them.
static int furnish_host_root(struct site *site, struct err *err)
{
    static const char *const shared[] = {"/dev", "/proc", "/sys"};
    char path[300];
    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        snprintf(path, sizeof(path), "%s%s", site->host_root, shared[i]);
        if (mount(shared[i], path, NULL, MS_BIND | MS_REC, NULL) < 0) {
            return err_errno(err, errno, "showing %s to programs of the image", shared[i]);
        }
    }
    return 0;
}

static int open_host_root(struct site *site, struct err *err)
{
    struct volume_root root;
    struct vps_spec spec;
    subject_describe(site, &spec);
    int r = site->drivers.volume->create(&site->config, &spec, err);
    if (r == 0) {
        r = site->drivers.volume->root(&site->config, spec.vps, &root, err);
    }
    if (r < 0) {
        return r;
    }
    snprintf(site->host_root, sizeof(site->host_root), "%s", root.path);
    return furnish_host_root(site, err);
}

static void configure(struct site *site, int64_t id_base)
{
    site->config = (struct agent_config){
        .state_dir = site->state_dir,
        .drivers = {"lxc", "btrfs", "routed"},
        .pool = {.device = "", .size_bytes = INT64_C(8) << 30},
        .ids = {.base = id_base, .count = 4},
        .network = {.connections = 8192},
    };
    site->drivers = (struct drivers){&container_lxc, &volume_btrfs, &network_routed};
}

int site_open(struct site *site, const char *image, int64_t id_base, struct err *err)
{
    configure(site, id_base);
    int r = sodium_init() < 0 ? err_set(err, ERR_INTERNAL, "libsodium") : make_folders(site, err);
    if (r == 0) {
        r = take_image(site, image, err);
    }
    if (r == 0) {
        r = sign(site, err);
    }
    if (r == 0) {
        r = open_world(site, err);
    }
    if (r == 0) {
        r = site->drivers.volume->open_pool(&site->config, err);
    }
    if (r == 0) {
        (void)!site->drivers.volume->disks(&site->config, &site->drivers.disks, NULL);
        r = site->drivers.network->open(&site->config, err);
    }
    if (r == 0) {
        r = image_install(&site->config, &site->drivers, &site->image, err);
    }
    return r < 0 ? r : open_host_root(site, err);
}
