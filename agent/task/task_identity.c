#include "guest.h"
#include "guest_identity.h"
#include "json.h"
#include "task.h"

#include <sodium.h>
#include <string.h>

// What stays ours in a guest's files is written when it changed, not at every start: in between they are the guest's.

// also: text that is hashed with them, or NULL.
static void hash_keys(const struct task *task, const char *also, char out[65])
{
    unsigned char hash[32];
    crypto_generichash_state state;
    _cleanup_free_ char *text =
        json_dumps(json_object_get(task->spec_json, "ssh_keys"), JSON_COMPACT | JSON_ENCODE_ANY);
    const char *bytes = text ? text : "[]";
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const unsigned char *)bytes, strlen(bytes));
    if (also) {
        crypto_generichash_update(&state, (const unsigned char *)also, strlen(also));
    }
    crypto_generichash_final(&state, hash, sizeof(hash));
    sodium_bin2hex(out, 65, hash, sizeof(hash));
}

void task_note_asked(struct task *task)
{
    char asked[sizeof(task->state.asked)];
    hash_keys(task, task->spec.hostname, asked);
    if (strcmp(task->state.asked, asked) != 0) {
        memcpy(task->state.asked, asked, sizeof(asked));
        task->state.asked_by = task->generation;
    }
}

void task_note_identity(struct task *task)
{
    snprintf(task->state.hostname, sizeof(task->state.hostname), "%s", task->spec.hostname);
    hash_keys(task, NULL, task->state.keys);
}

static int write_keys(struct task *task, const struct volume_root *root, struct err *err)
{
    char keys[sizeof(task->state.keys)];
    hash_keys(task, NULL, keys);
    if (strcmp(task->state.keys, keys) == 0) {
        return 0;
    }
    int r = guest_set_keys(&task->spec, root, err);
    if (r == 0) {
        memcpy(task->state.keys, keys, sizeof(keys));
    }
    return r;
}

static int write_hostname(struct task *task, const struct volume_root *root, struct err *err)
{
    if (strcmp(task->state.hostname, task->spec.hostname) == 0) {
        return 0;
    }
    int r = guest_set_hostname(&task->spec, root, err);
    if (r == 0) {
        snprintf(task->state.hostname, sizeof(task->state.hostname), "%s", task->spec.hostname);
    }
    return r;
}

// Keys first, and the name also if they failed: they let people in.
int task_write_identity(struct task *task, struct err *err)
{
    struct volume_root root;
    struct err second = {0};
    int r = task_open_root(task, &root, err);
    if (r < 0) {
        return r;
    }
    r = write_keys(task, &root, err);
    if (write_hostname(task, &root, &second) < 0 && r == 0) {
        r = second.code;
        *err = second;
    }
    return r;
}

// A guest that broke its own /etc is started, suspended and resized all the same; only the order that asked for the
// change fails of it, however often it is run.
int ensure_identity(struct task *task, struct err *err)
{
    if (task->kind == &task_update && task->state.asked_by == task->generation) {
        return task_write_identity(task, err);
    }
    struct err unheard = {0};
    (void)!task_write_identity(task, &unheard);
    return 0;
}

// A disk that takes the place of another has the keys of its own time, also those that were revoked since: they
// are changed before it starts, or it does not. Its name matters less.
int ensure_identity_of_disk(struct task *task, struct err *err)
{
    struct volume_root root;
    struct err unheard = {0};
    int r = task_open_root(task, &root, err);
    if (r == 0) {
        guest_forget_seeds(&task->spec, &root);
        struct err failure = {0};
        r = write_keys(task, &root, &failure);
        if (r == ERR_NOT_FOUND) {
            r = 0; // a disk without a home for root lets nobody in
        } else if (r < 0) {
            *err = failure;
        }
    }
    if (r == 0) {
        (void)!write_hostname(task, &root, &unheard);
    }
    return r < 0 ? r : vps_state_save(task->config, &task->state, err);
}

static int ensure_password(struct task *task, struct err *err)
{
    struct volume_root root;
    int r = task_open_root(task, &root, err);
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
