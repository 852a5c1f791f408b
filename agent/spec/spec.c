#include "spec.h"

#include "config.h"
#include "firewall.h"
#include "json.h"
#include "spec_private.h"
#include "uuid.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MIB (INT64_C(1) << 20)
#define TIB (INT64_C(1) << 40)

struct raw_image {
    const char *sha256, *signature, *name;
    int64_t size;
};

// What the field table decodes into; strings are borrowed from the JSON tree.
struct raw_spec {
    const char *hostname, *desired;
    int64_t id_base, slot;
    struct {
        int64_t vcpus, memory_bytes, swap_bytes, disk_bytes, pids;
    } limits;
    struct {
        int64_t net_bps, io_bps, iops;
    } rates;
    struct {
        bool tun, fuse, nesting;
    } features;
    bool frozen;
    const char *suspended;
    json_t *addresses, *forwards, *firewall;
    struct field_strings ssh_keys;
    struct raw_image image, rescue;
};

#define LIMIT(member, low, high, text)                                                             \
    {                                                                                              \
        .name = #member, .type = FIELD_INT,                                                        \
        .offset = offsetof(struct raw_spec, limits.member) - offsetof(struct raw_spec, limits),    \
        .min = (low), .max = (high), .flags = FIELD_REQUIRED, .help = (text)                       \
    }

static const struct field limit_fields[] = {
    LIMIT(vcpus, 1, 4096, "processors"),
    LIMIT(memory_bytes, 16 * MIB, 64 * TIB, "memory"),
    LIMIT(swap_bytes, 0, 64 * TIB, "swap beside the memory"),
    LIMIT(disk_bytes, 16 * MIB, 1024 * TIB, "disk, the image included"),
    LIMIT(pids, 16, 4194304, "processes and threads"),
    {0},
};

#define RATE(member, low, text)                                                                    \
    {                                                                                              \
        .name = #member, .type = FIELD_INT,                                                        \
        .offset = offsetof(struct raw_spec, rates.member) - offsetof(struct raw_spec, rates),      \
        .min = (low), .max = 1024 * TIB, .flags = FIELD_NULLABLE, .help = (text)                   \
    }

static const struct field rate_fields[] = {
    RATE(net_bps, 64000, "bits a second, each way"),
    RATE(io_bps, 65536, "bytes a second from and to the disk, each"),
    RATE(iops, 16, "operations a second, each way"),
    {0},
};

#define FEATURE(member, text)                                                                      \
    {                                                                                              \
        .name = #member, .type = FIELD_BOOL,                                                       \
        .offset =                                                                                  \
            offsetof(struct raw_spec, features.member) - offsetof(struct raw_spec, features),      \
        .help = (text)                                                                             \
    }

static const struct field feature_fields[] = {
    FEATURE(tun, "/dev/net/tun"),
    FEATURE(fuse, "/dev/fuse"),
    FEATURE(nesting, "containers in the guest"),
    {0},
};

static const struct field image_fields[] = {
    {.name = "sha256",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_image, sha256),
     .min = 64,
     .max = 64,
     .flags = FIELD_REQUIRED,
     .help = "hash of the image file, lower-case hex"},
    {.name = "size",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_image, size),
     .min = 1,
     .max = TIB,
     .flags = FIELD_REQUIRED,
     .help = "bytes of the image file"},
    {.name = "signature",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_image, signature),
     .min = 128,
     .max = 128,
     .flags = FIELD_REQUIRED,
     .help = "Ed25519, lower-case hex"},
    {.name = "name",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_image, name),
     .max = 63,
     .preset = "",
     .help = "for people"},
    {0},
};

static const struct field spec_fields[] = {
    {.name = "hostname",
     .type = FIELD_NAME,
     .offset = offsetof(struct raw_spec, hostname),
     .min = 1,
     .max = 63,
     .flags = FIELD_REQUIRED,
     .help = "the guest's host name"},
    {.name = "desired",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_spec, desired),
     .min = 1,
     .max = 16,
     .flags = FIELD_REQUIRED,
     .help = "running, stopped or deleted"},
    {.name = "id_base",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_spec, id_base),
     .min = 1,
     .max = UINT32_MAX - IDS_PER_VPS,
     .flags = FIELD_REQUIRED,
     .help = "first host id"},
    {.name = "slot",
     .type = FIELD_INT,
     .offset = offsetof(struct raw_spec, slot),
     .min = 0,
     .max = UINT32_MAX,
     .flags = FIELD_REQUIRED,
     .help = "names the host-side device"},
    {.name = "limits",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct raw_spec, limits),
     .flags = FIELD_REQUIRED,
     .fields = limit_fields,
     .help = "what the plan allows"},
    {.name = "rates",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct raw_spec, rates),
     .fields = rate_fields,
     .help = "what the plan allows a second"},
    {.name = "features",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct raw_spec, features),
     .fields = feature_fields,
     .help = "what the plan allows beyond the usual"},
    {.name = "frozen",
     .type = FIELD_BOOL,
     .offset = offsetof(struct raw_spec, frozen),
     .help = "stands still"},
    {.name = "suspended",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_spec, suspended),
     .min = 1,
     .max = 16,
     .flags = FIELD_NULLABLE,
     .help = "stop or throttle: its tenant is suspended"},
    {.name = "addresses",
     .type = FIELD_JSON,
     .offset = offsetof(struct raw_spec, addresses),
     .flags = FIELD_REQUIRED,
     .help = "array of {family, address, kind, network}"},
    {.name = "forwards",
     .type = FIELD_JSON,
     .offset = offsetof(struct raw_spec, forwards),
     .flags = FIELD_NULLABLE,
     .help = "array of {protocol, host_port, address, port}"},
    {.name = "firewall",
     .type = FIELD_JSON,
     .offset = offsetof(struct raw_spec, firewall),
     .flags = FIELD_NULLABLE,
     .help = "{policy_in, policy_out, rules}; null: everything passes"},
    {.name = "ssh_keys",
     .type = FIELD_STRINGS,
     .offset = offsetof(struct raw_spec, ssh_keys),
     .max = SPEC_KEYS_MAX,
     .item_max = 8192,
     .help = "root's authorized keys"},
    {.name = "image",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct raw_spec, image),
     .flags = FIELD_REQUIRED,
     .fields = image_fields,
     .help = "what it is made from"},
    {.name = "rescue",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct raw_spec, rescue),
     .flags = FIELD_NULLABLE,
     .fields = image_fields,
     .help = "what it runs from instead of its own disk"},
    {0},
};

json_t *spec_known_fields(const struct field *table, json_t *object)
{
    if (!json_is_object(object)) {
        return json_incref(object);
    }
    json_t *known = json_object();
    for (const struct field *field = table; field->name; field++) {
        json_t *value = json_object_get(object, field->name);
        if (!value) {
            continue;
        }
        json_object_set_new(known, field->name,
                            field->type == FIELD_OBJECT ? spec_known_fields(field->fields, value)
                                                        : json_incref(value));
    }
    return known;
}

static bool is_hex(const char *text)
{
    return text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool is_hex_image(const struct raw_image *raw)
{
    return is_hex(raw->sha256) && is_hex(raw->signature);
}

// "<type> <base64> [comment]", one line. Options in front of the type are not accepted.
static bool usable_ssh_key(const char *key)
{
    static const char *const types[] = {
        "ssh-ed25519 ",
        "ssh-rsa ",
        "ecdsa-sha2-nistp256 ",
        "ecdsa-sha2-nistp384 ",
        "ecdsa-sha2-nistp521 ",
        "sk-ssh-ed25519@openssh.com ",
        "sk-ecdsa-sha2-nistp256@openssh.com ",
    };
    for (const char *c = key; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t prefix = strlen(types[i]);
        if (strncmp(key, types[i], prefix) != 0) {
            continue;
        }
        const char *blob = key + prefix;
        size_t len = strspn(blob, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789+/=");
        return len >= 16 && (blob[len] == '\0' || blob[len] == ' ');
    }
    return false;
}

static int add_ssh_keys(struct vps_spec *spec, const struct field_strings *keys, struct err *err)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (i >= SPEC_KEYS_MAX || !usable_ssh_key(keys->items[i])) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/ssh_keys/%zu", i);
            return err_at(err, ERR_INVALID, pointer, "not a public key in one line");
        }
        spec->ssh_keys[spec->ssh_key_count++] = strdup(keys->items[i]);
    }
    return 0;
}

static int check_id_base(const struct agent_config *config, int64_t id_base, struct err *err)
{
    int64_t offset = id_base - config->ids.base;
    if (offset < 0 || offset % IDS_PER_VPS != 0 || offset / IDS_PER_VPS >= config->ids.count) {
        return err_at(err, ERR_INVALID, "/id_base", "not the start of an id range of this node");
    }
    return 0;
}

static int check_raw(const struct agent_config *config, const struct raw_spec *raw, struct err *err)
{
    if (strcmp(raw->desired, "running") != 0 && strcmp(raw->desired, "stopped") != 0 &&
        strcmp(raw->desired, "deleted") != 0) {
        return err_at(err, ERR_INVALID, "/desired", "must be running, stopped or deleted");
    }
    if (raw->suspended && strcmp(raw->suspended, "stop") != 0 &&
        strcmp(raw->suspended, "throttle") != 0) {
        return err_at(err, ERR_INVALID, "/suspended", "must be stop or throttle");
    }
    if (!is_hex_image(&raw->image)) {
        return err_at(err, ERR_INVALID, "/image", "hash and signature must be lower-case hex");
    }
    if (raw->rescue.sha256 && !is_hex_image(&raw->rescue)) {
        return err_at(err, ERR_INVALID, "/rescue", "hash and signature must be lower-case hex");
    }
    return check_id_base(config, raw->id_base, err);
}

static void fill_image(struct spec_image *image, const struct raw_image *raw)
{
    snprintf(image->sha256, sizeof(image->sha256), "%s", raw->sha256);
    snprintf(image->signature, sizeof(image->signature), "%s", raw->signature);
    snprintf(image->name, sizeof(image->name), "%s", raw->name);
    image->size = raw->size;
}

static enum suspended parse_suspended(const char *word)
{
    return !word ? SUSPENDED_NOT : strcmp(word, "stop") == 0 ? SUSPENDED_STOP : SUSPENDED_THROTTLE;
}

static void fill_plan(struct vps_spec *spec, const struct raw_spec *raw)
{
    spec->rates.net_bps = raw->rates.net_bps;
    spec->rates.io_bps = raw->rates.io_bps;
    spec->rates.iops = raw->rates.iops;
    spec->features.tun = raw->features.tun;
    spec->features.fuse = raw->features.fuse;
    spec->features.nesting = raw->features.nesting;
    spec->frozen = raw->frozen;
    spec->suspended = parse_suspended(raw->suspended);
}

static int fill(struct vps_spec *spec, const struct raw_spec *raw, struct err *err)
{
    snprintf(spec->hostname, sizeof(spec->hostname), "%s", raw->hostname);
    spec->desired_running = strcmp(raw->desired, "running") == 0;
    spec->id_base = (uint32_t)raw->id_base;
    spec->slot = (uint32_t)raw->slot;
    spec->limits.vcpus = raw->limits.vcpus;
    spec->limits.memory_bytes = raw->limits.memory_bytes;
    spec->limits.swap_bytes = raw->limits.swap_bytes;
    spec->limits.disk_bytes = raw->limits.disk_bytes;
    spec->limits.pids = raw->limits.pids;
    fill_plan(spec, raw);
    fill_image(&spec->image, &raw->image);
    if (raw->rescue.sha256) {
        fill_image(&spec->rescue, &raw->rescue);
    }
    int r = spec_add_addresses(spec, raw->addresses, err);
    if (r == 0) {
        r = spec_add_forwards(spec, raw->forwards, err);
    }
    if (r == 0) {
        r = firewall_decode(raw->firewall, &spec->firewall, err);
    }
    return r < 0 ? r : add_ssh_keys(spec, &raw->ssh_keys, err);
}

int spec_decode(const struct agent_config *config, const char *vps, int64_t generation,
                json_t *spec, struct vps_spec *ret_spec, struct err *err)
{
    if (!vps || !uuid_is(vps)) {
        return err_set(err, ERR_INVALID, "the vps id is not a UUID");
    }
    if (generation < 0) {
        return err_set(err, ERR_INVALID, "the generation is negative");
    }
    _cleanup_json_ json_t *known = spec_known_fields(spec_fields, spec);
    struct raw_spec raw;
    int r = field_decode(spec_fields, known, NULL, &raw, err);
    if (r < 0) {
        return r;
    }
    struct vps_spec decoded = {.generation = generation};
    memcpy(decoded.vps, vps, sizeof(decoded.vps));
    r = check_raw(config, &raw, err);
    if (r == 0) {
        r = fill(&decoded, &raw, err);
    }
    field_release(spec_fields, &raw);
    if (r < 0) {
        spec_finish(&decoded);
        return r;
    }
    *ret_spec = decoded;
    return 0;
}

void spec_finish(struct vps_spec *spec)
{
    for (size_t i = 0; i < spec->ssh_key_count; i++) {
        free(spec->ssh_keys[i]);
        spec->ssh_keys[i] = NULL;
    }
    spec->ssh_key_count = 0;
    firewall_free(spec->firewall);
    spec->firewall = NULL;
}
