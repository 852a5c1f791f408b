#include "guest_identity.h"
#include "json.h"
#include "task.h"

#include <sodium.h>
#include <string.h>

// What stays ours in a guest's files is written when it changed, not at every start: in between they are the guest's.

static void hash_keys(const struct task *task, char out[65])
{
    unsigned char hash[32];
    _cleanup_free_ char *text =
        json_dumps(json_object_get(task->spec_json, "ssh_keys"), JSON_COMPACT | JSON_ENCODE_ANY);
    const char *bytes = text ? text : "[]";
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)bytes, strlen(bytes), NULL, 0);
    sodium_bin2hex(out, 65, hash, sizeof(hash));
}

void task_note_identity(struct task *task)
{
    snprintf(task->state.hostname, sizeof(task->state.hostname), "%s", task->spec.hostname);
    hash_keys(task, task->state.keys);
}

static int write_identity(struct task *task, struct err *err)
{
    char keys[65];
    hash_keys(task, keys);
    struct volume_root root;
    int r = task->drivers.volume->root(task->config, task->vps, &root, err);
    if (r == 0 && strcmp(task->state.hostname, task->spec.hostname) != 0) {
        r = guest_set_hostname(&task->spec, &root, err);
    }
    if (r == 0 && strcmp(task->state.keys, keys) != 0) {
        r = guest_set_keys(&task->spec, &root, err);
    }
    if (r == 0) {
        task_note_identity(task);
    }
    return r;
}

// A guest that broke its own /etc is started and stopped all the same; only who asked for the change hears of it.
int ensure_identity(struct task *task, struct err *err)
{
    if (task->kind == &task_update) {
        return write_identity(task, err);
    }
    struct err unheard = {0};
    (void)!write_identity(task, &unheard);
    return 0;
}

static int ensure_password(struct task *task, struct err *err)
{
    struct volume_root root;
    int r = task->drivers.volume->root(task->config, task->vps, &root, err);
    return r < 0 ? r : guest_set_password(&task->spec, &root, task->args.password_hash, err);
}

static const struct task_step password_steps[] = {
    {"present", ensure_present, NULL},
    {"password", ensure_password, NULL},
};

const struct task_kind task_password = {
    "vps_password",
    password_steps,
    ARRAY_LEN(password_steps),
    TASK_BESIDE,
};
