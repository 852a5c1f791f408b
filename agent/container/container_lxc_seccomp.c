#include "container_lxc.h"

#include "surface.h"

#include <string.h>

// Version 2 of liblxc's syntax; reject_force_umount is liblxc's word for umount2(2) with MNT_FORCE.
int lxc_seccomp_profile(char *out, size_t size, struct err *err)
{
    size_t used = (size_t)snprintf(out, size, "2\ndenylist\nreject_force_umount\n[all]\n");
    for (size_t i = 0; i < surface_call_count && used < size; i++) {
        const struct surface_call *call = &surface_calls[i];
        used += (size_t)snprintf(out + used, size - used, "%s errno %d", call->name, call->error);
        if (call->bits && used < size) {
            used += (size_t)snprintf(out + used, size - used, " [%u,0x%x,SCMP_CMP_MASKED_EQ,0x%x]",
                                     call->argument, call->value, call->bits);
        }
        if (used < size) {
            used += (size_t)snprintf(out + used, size - used, "\n");
        }
    }
    return used < size ? 0 : err_set(err, ERR_INTERNAL, "the list of system calls is too long");
}
