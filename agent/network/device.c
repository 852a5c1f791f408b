#include "device.h"

#include "netdev.h"
#include "sysfile.h"
#include "traffic.h"

#include <net/if.h>
#include <unistd.h>

enum { PATH_SIZE = 512 };

void device_name(unsigned slot, char name[DEVICE_NAME_SIZE])
{
    snprintf(name, DEVICE_NAME_SIZE, "crv%u", slot);
}

static int path_of(const struct device_place *place, char path[PATH_SIZE], struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/vps/%s/device", place->state_dir, place->vps);
}

static unsigned noted(const struct device_place *place)
{
    char path[PATH_SIZE];
    uint64_t index = 0;
    struct err unheard = {0};
    bool known = path_of(place, path, &unheard) == 0 &&
                 sysfile_read_u64(path, &index, &unheard) == 0 && index <= INT32_MAX;
    return known ? (unsigned)index : 0;
}

void device_note(const struct device_place *place)
{
    char name[DEVICE_NAME_SIZE], path[PATH_SIZE], text[16];
    struct err unheard = {0};
    device_name(place->slot, name);
    unsigned index = if_nametoindex(name);
    snprintf(text, sizeof(text), "%u\n", index);
    if (index > 0 && index != noted(place) && path_of(place, path, &unheard) == 0) {
        (void)!sysfile_replace(path, 0600, text, &unheard);
    }
}

void device_forget(const struct device_place *place)
{
    char path[PATH_SIZE];
    struct err unheard = {0};
    if (path_of(place, path, &unheard) == 0) {
        unlink(path);
    }
}

static int sample_classes(const struct device_place *place, const char *name,
                          struct usage_counters *counters, struct err *err)
{
    struct traffic traffic;
    unsigned index = if_nametoindex(name);
    index = index > 0 ? index : noted(place);
    int r = traffic_sample(index, &traffic, err);
    // Of one that is gone the table forgets what it has counted, too, in the look of each minute.
    bool forgotten = index > 0 && if_nametoindex(name) == 0 && traffic.in_inside == 0 &&
                     traffic.in_outside == 0 && traffic.out_inside == 0 && traffic.out_outside == 0;
    counters->net_device = forgotten ? 0 : index;
    counters->net_table = traffic.table;
    counters->net_rx_inside_bytes = traffic.in_inside;
    counters->net_tx_inside_bytes = traffic.out_inside;
    counters->net_rx_outside_bytes = traffic.in_outside;
    counters->net_tx_outside_bytes = traffic.out_outside;
    return r;
}

// What the host receives on its side is what the guest sent.
int device_sample(const struct device_place *place, struct usage_counters *counters,
                  struct err *err)
{
    char name[DEVICE_NAME_SIZE];
    struct netdev_counters link;
    device_name(place->slot, name);
    int r = sample_classes(place, name, counters, err);
    if (r == 0) {
        r = netdev_sample(name, &link, err);
    }
    if (r == ERR_NOT_FOUND) {
        return 0; // its guest has deleted it, and sends nothing: what else it uses counts
    }
    if (r < 0) {
        return r;
    }
    counters->net_rx_bytes = link.tx_bytes;
    counters->net_tx_bytes = link.rx_bytes;
    counters->net_rx_packets = link.tx_packets;
    counters->net_tx_packets = link.rx_packets;
    return 0;
}
