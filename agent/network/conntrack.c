#include "conntrack.h"

#include "json.h"
#include "nfnetlink.h"
#include "vps_state.h"

#include <netinet/in.h> // before what <linux/netfilter.h> defines, too

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

struct key {
    unsigned char family;
    unsigned char address[16]; // zeros behind one of IPv4
};

struct owner {
    struct key key; // first: compare()
    size_t guest;
};

struct guests {
    char (*ids)[37];
    size_t count;
    uint64_t (*connections)[2]; // in, out: of each
    struct owner *owners; // of addresses; sorted
    size_t owner_count;
};

static void cleanup_guests(struct guests *guests)
{
    free(guests->ids);
    free(guests->connections);
    free(guests->owners);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct key));
}

static void add_owner(struct guests *guests, size_t guest, const json_t *address)
{
    int family = json_get_int(address, "family", 0) == 4 ? AF_INET : AF_INET6;
    struct owner owner = {.key.family = (unsigned char)family, .guest = guest};
    if (inet_pton(family, json_get_string(address, "address", ""), owner.key.address) == 1) {
        guests->owners[guests->owner_count++] = owner;
    }
}

static void add_owners(struct guests *guests, size_t guest, json_t *addresses)
{
    size_t i;
    json_t *address;
    size_t room = guests->owner_count + json_array_size(addresses);
    guests->owners = reallocarray(guests->owners, room + 1, sizeof(*guests->owners));
    if (!guests->owners) {
        abort();
    }
    json_array_foreach (addresses, i, address) {
        add_owner(guests, guest, address);
    }
}

// One whose record cannot be read has none that are counted.
static int load_guests(const struct agent_config *config, struct guests *guests, struct err *err)
{
    int r = vps_state_list(config, &guests->ids, &guests->count, err);
    if (r < 0) {
        return r;
    }
    guests->connections = calloc(guests->count + 1, sizeof(*guests->connections));
    if (!guests->connections) {
        abort();
    }
    for (size_t i = 0; i < guests->count; i++) {
        struct vps_state state;
        struct err unheard = {0};
        if (vps_state_load(config, guests->ids[i], &state, &unheard) == 0) {
            add_owners(guests, i, json_object_get(state.spec, "addresses"));
            vps_state_finish(&state);
        }
    }
    if (guests->owner_count > 0) {
        qsort(guests->owners, guests->owner_count, sizeof(*guests->owners), compare);
    }
    return 0;
}

// Whose address is the source of this tuple. NULL: no guest's.
static const struct owner *source_of(const struct guests *guests, const struct nlattr *tuple)
{
    const struct nlattr *ip = nfnetlink_inside(tuple, CTA_TUPLE_IP);
    const struct nlattr *four = nfnetlink_inside(ip, CTA_IP_V4_SRC);
    const struct nlattr *address = four ? four : nfnetlink_inside(ip, CTA_IP_V6_SRC);
    struct key key = {.family = four ? AF_INET : AF_INET6};
    if (!address || (size_t)nla_len(address) > sizeof(key.address) || guests->owner_count == 0) {
        return NULL;
    }
    memcpy(key.address, nla_data(address), (size_t)nla_len(address));
    return bsearch(&key, guests->owners, guests->owner_count, sizeof(*guests->owners), compare);
}

// The kernel does not count these against a limit either.
static bool is_closed(struct nl_msg *msg)
{
    const struct nlattr *state =
        nfnetlink_inside(nfnetlink_inside(nfnetlink_find(msg, CTA_PROTOINFO), CTA_PROTOINFO_TCP),
                         CTA_PROTOINFO_TCP_STATE);
    uint8_t value = 0;
    if (state && nla_len(state) == sizeof(value)) {
        memcpy(&value, nla_data(state), sizeof(value));
    }
    return value == TCP_CONNTRACK_TIME_WAIT || value == TCP_CONNTRACK_CLOSE;
}

// Who opened it is the source of what it sends; who is reached, behind whatever was translated, is the source of the answers.
static int take_connection(struct nl_msg *msg, void *arg)
{
    struct guests *guests = arg;
    if (!is_closed(msg)) {
        const struct owner *from = source_of(guests, nfnetlink_find(msg, CTA_TUPLE_ORIG));
        const struct owner *to = source_of(guests, nfnetlink_find(msg, CTA_TUPLE_REPLY));
        if (from) {
            guests->connections[from->guest][1]++;
        }
        if (to) {
            guests->connections[to->guest][0]++;
        }
    }
    return NL_OK;
}

static int walk(struct guests *guests, struct err *err)
{
    _cleanup_nl_sock_ struct nl_sock *sock = NULL;
    int r = nfnetlink_open(&sock, err);
    if (r < 0) {
        return r;
    }
    _cleanup_nl_msg_ struct nl_msg *msg =
        nfnetlink_compose(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC, 0);
    bool found;
    return nfnetlink_ask(sock, msg, take_connection, guests, &found, err);
}

int conntrack_count(const struct agent_config *config, json_t **ret_counts, struct err *err)
{
    _cleanup_(cleanup_guests) struct guests guests = {0};
    int r = load_guests(config, &guests, err);
    if (r == 0) {
        r = walk(&guests, err);
    }
    if (r < 0) {
        return err_wrap(err, "counting connections");
    }
    *ret_counts = json_object();
    for (size_t i = 0; i < guests.count; i++) {
        json_object_set_new(*ret_counts, guests.ids[i],
                            json_pack("[I, I]", (json_int_t)guests.connections[i][0],
                                      (json_int_t)guests.connections[i][1]));
    }
    return 0;
}
