#include "privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>

int privilege_lookup(const char *user, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
    const struct passwd *account = getpwnam(user);
    if (!account) {
        return err_set(err, ERR_NOT_FOUND, "there is no account %s", user);
    }
    *ret_uid = account->pw_uid;
    *ret_gid = account->pw_gid;
    return 0;
}

static int empty_bounding_set(struct err *err)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        // A container may keep some out of our reach: then they are out of the link's reach too.
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM) {
            return err_errno(err, errno, "dropping capability %d", cap);
        }
    }
    return 0;
}

static int become(uid_t uid, gid_t gid, struct err *err)
{
    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) {
        return err_errno(err, errno, "becoming user %u", uid);
    }
    if (uid != 0 && setresuid(0, 0, 0) == 0) {
        return err_set(err, ERR_INTERNAL, "root could be had back");
    }
    return 0;
}

int privilege_drop(const char *user, struct err *err)
{
    int r = 0;
    if (geteuid() == 0) {
        uid_t uid;
        gid_t gid;
        r = privilege_lookup(user, &uid, &gid, err);
        if (r == 0) {
            r = empty_bounding_set(err);
        }
        if (r == 0) {
            r = become(uid, gid, err);
        }
    }
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        r = err_errno(err, errno, "no_new_privs");
    }
    return r;
}
