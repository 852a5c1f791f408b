// croft-agent-last: what liblxc runs when a guest has ended, before it takes its device and its cgroups away. Leaves their last
// counters for the broker, which may be away (docs/decisions/0064):
//   croft-agent-last STATE_DIR VPS BOOT SLOT DISKS
// Guests that run were told these words when they started, maybe by an older program: they keep their meaning.
#include "cgroup.h"
#include "device.h"
#include "last.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { TIME_S = 5 }; // the end of a guest waits for us no longer

// "8:0,8:16"; anything else is none.
static void parse_disks(const char *text, struct pool_disks *ret_disks)
{
    unsigned major_number, minor_number;
    int len = 0;
    *ret_disks = (struct pool_disks){0};
    while (ret_disks->count < POOL_DISKS_MAX &&
           sscanf(text, "%u:%u%n", &major_number, &minor_number, &len) == 2) {
        ret_disks->disks[ret_disks->count++] = makedev(major_number, minor_number);
        text += len;
        text += *text == ',';
    }
}

// The device alone may be out of reach: what the cgroups say counts without it.
static int leave(const struct device_place *place, const char *boot, const struct pool_disks *disks,
                 struct err *err)
{
    struct usage_counters counters = {0}, network = {0};
    struct err unheard = {0};
    int r = cgroup_sample(place->vps, disks, &counters, err);
    if (r < 0) {
        return r;
    }
    network = counters;
    if (device_sample(place, &network, &unheard) == 0) {
        counters = network;
    }
    device_forget(place);
    return last_leave(place->state_dir, place->vps, boot, &counters, err);
}

int main(int argc, char **argv)
{
    struct pool_disks disks;
    struct err err = {0};
    // liblxc puts words of its own behind ours.
    if (argc < 6 || !uuid_is(argv[2]) || !uuid_is(argv[3])) {
        fprintf(stderr, "croft-agent-last: liblxc starts this program\n");
        return 2;
    }
    alarm(TIME_S);
    const struct device_place place = {argv[1], argv[2], (unsigned)strtoul(argv[4], NULL, 10)};
    parse_disks(argv[5], &disks);
    if (leave(&place, argv[3], &disks, &err) < 0) {
        fprintf(stderr, "croft-agent-last: %s\n", err.text);
        return 1;
    }
    return 0;
}
