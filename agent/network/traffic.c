#include "traffic.h"

#include "nfnetlink.h"

#include <netinet/in.h> // before <linux/netfilter.h>, which would define the same

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>

enum { DEAD_MAX = 64 }; // at a time

static const char table_name[] = "croft";

// Keyed by the number of the device (filter_base.c).
static const struct counted_set {
    const char *name;
    int counter; // which of an element's two
    size_t offset; // in struct traffic, or in struct traffic_refused
} sets[] = {
    {"traffic_in_inside", NFTA_COUNTER_BYTES, offsetof(struct traffic, in_inside)},
    {"traffic_in_outside", NFTA_COUNTER_BYTES, offsetof(struct traffic, in_outside)},
    {"traffic_out_inside", NFTA_COUNTER_BYTES, offsetof(struct traffic, out_inside)},
    {"traffic_out_outside", NFTA_COUNTER_BYTES, offsetof(struct traffic, out_outside)},
    {"refused_in", NFTA_COUNTER_PACKETS, offsetof(struct traffic_refused, in)},
    {"refused_out", NFTA_COUNTER_PACKETS, offsetof(struct traffic_refused, out)},
};
enum { CLASSES = 4 }; // the first ones are of struct traffic

// Every set whose elements go with their device: a set that is full takes no more devices, and holds none back.
static const struct swept_set {
    int family;
    const char *name;
} swept[] = {
    {NFPROTO_INET, "traffic_in_inside"},  {NFPROTO_INET, "traffic_in_outside"},
    {NFPROTO_INET, "traffic_out_inside"}, {NFPROTO_INET, "traffic_out_outside"},
    {NFPROTO_INET, "refused_in"},         {NFPROTO_INET, "refused_out"},
    {NFPROTO_INET, "connections_in"},     {NFPROTO_INET, "connections_out"},
    {NFPROTO_INET, "neighbours"},         {NFPROTO_ARP, "neighbours"},
};

static struct nl_msg *compose_nft(int type, int flags, int family)
{
    return nfnetlink_compose(NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0);
}

// Names a set, and of its elements those of these devices.
static void put_elements(struct nl_msg *msg, const char *set, const uint32_t *keys, size_t count)
{
    bool fits = nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, table_name) == 0 &&
                nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, set) == 0;
    struct nlattr *list =
        count > 0 ? nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED) : NULL;
    for (size_t i = 0; fits && i < count; i++) {
        struct nlattr *element = nla_nest_start(msg, NFTA_LIST_ELEM | NLA_F_NESTED);
        struct nlattr *key = nla_nest_start(msg, NFTA_SET_ELEM_KEY | NLA_F_NESTED);
        fits = element && key && nla_put(msg, NFTA_DATA_VALUE, sizeof(keys[i]), &keys[i]) == 0 &&
               nla_nest_end(msg, key) == 0 && nla_nest_end(msg, element) == 0;
    }
    if (!fits || (count > 0 && (!list || nla_nest_end(msg, list) < 0))) {
        abort(); // of bounded size
    }
}

static int take_handle(struct nl_msg *msg, void *arg)
{
    uint64_t handle;
    const struct nlattr *attr = nfnetlink_find(msg, NFTA_TABLE_HANDLE);
    if (attr && nla_len(attr) == sizeof(handle)) {
        memcpy(&handle, nla_data(attr), sizeof(handle));
        *(uint64_t *)arg = be64toh(handle);
    }
    return NL_OK;
}

static int ask_table(struct nl_sock *sock, uint64_t *ret_handle, struct err *err)
{
    _cleanup_nl_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETTABLE, 0, NFPROTO_INET);
    bool found;
    *ret_handle = 0;
    if (nla_put_string(msg, NFTA_TABLE_NAME, table_name) < 0) {
        abort();
    }
    return nfnetlink_ask(sock, msg, take_handle, ret_handle, &found, err);
}

struct question {
    int counter;
    uint64_t value;
};

static int take_counter(struct nl_msg *msg, void *arg)
{
    static const int way[] = {NFTA_LIST_ELEM, NFTA_SET_ELEM_EXPR, NFTA_EXPR_DATA};
    struct question *question = arg;
    const struct nlattr *attr = nfnetlink_find(msg, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = 0; i < ARRAY_LEN(way); i++) {
        attr = nfnetlink_inside(attr, way[i]);
    }
    attr = nfnetlink_inside(attr, question->counter);
    if (attr && nla_len(attr) == sizeof(question->value)) {
        memcpy(&question->value, nla_data(attr), sizeof(question->value));
        question->value = be64toh(question->value);
    }
    return NL_OK;
}

static int ask_counter(struct nl_sock *sock, const struct counted_set *set, uint32_t ifindex,
                       void *counters, struct err *err)
{
    _cleanup_nl_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETSETELEM, 0, NFPROTO_INET);
    struct question question = {.counter = set->counter};
    bool found;
    put_elements(msg, set->name, &ifindex, 1);
    int r = nfnetlink_ask(sock, msg, take_counter, &question, &found, err);
    memcpy((char *)counters + set->offset, &question.value, sizeof(question.value));
    return r;
}

// The table first: what is counted by a later one is then never taken for the earlier one's.
int traffic_sample(unsigned ifindex, struct traffic *ret_traffic, struct err *err)
{
    _cleanup_nl_sock_ struct nl_sock *sock = NULL;
    *ret_traffic = (struct traffic){0};
    int r = nfnetlink_open(&sock, err);
    if (r == 0) {
        r = ask_table(sock, &ret_traffic->table, err);
    }
    for (size_t i = 0; r == 0 && ifindex > 0 && i < CLASSES; i++) {
        r = ask_counter(sock, &sets[i], ifindex, ret_traffic, err);
    }
    return r;
}

int traffic_sample_refused(unsigned ifindex, struct traffic_refused *ret_refused, struct err *err)
{
    _cleanup_nl_sock_ struct nl_sock *sock = NULL;
    *ret_refused = (struct traffic_refused){0};
    int r = nfnetlink_open(&sock, err);
    for (size_t i = CLASSES; r == 0 && ifindex > 0 && i < ARRAY_LEN(sets); i++) {
        r = ask_counter(sock, &sets[i], ifindex, ret_refused, err);
    }
    return r;
}

// ---- Devices that are no more

struct dead {
    uint32_t keys[DEAD_MAX];
    size_t count;
};

static int take_dead(struct nl_msg *msg, void *arg)
{
    struct dead *dead = arg;
    char name[IF_NAMESIZE];
    struct nlattr *element;
    int left;
    const struct nlattr *list = nfnetlink_find(msg, NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list) {
        return NL_OK;
    }
    nla_for_each_nested(element, list, left)
    {
        uint32_t key;
        const struct nlattr *value =
            nfnetlink_inside(nfnetlink_inside(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
        if (value && nla_len(value) == sizeof(key) && dead->count < DEAD_MAX) {
            memcpy(&key, nla_data(value), sizeof(key));
            dead->keys[dead->count] = key;
            dead->count += !if_indextoname(key, name) && errno == ENXIO;
        }
    }
    return NL_OK;
}

static int list_dead(struct nl_sock *sock, const struct swept_set *set, struct dead *dead,
                     struct err *err)
{
    _cleanup_nl_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETSETELEM, NLM_F_DUMP, set->family);
    bool found;
    put_elements(msg, set->name, NULL, 0);
    return nfnetlink_ask(sock, msg, take_dead, dead, &found, err);
}

struct batch {
    char bytes[8192];
    size_t len;
};

// Takes the message.
static void append(struct batch *batch, struct nl_msg *msg)
{
    const struct nlmsghdr *head = nlmsg_hdr(msg);
    if (NLMSG_ALIGN(head->nlmsg_len) > sizeof(batch->bytes) - batch->len) {
        abort(); // of bounded size
    }
    memcpy(batch->bytes + batch->len, head, head->nlmsg_len);
    batch->len += NLMSG_ALIGN(head->nlmsg_len);
    nlmsg_free(msg);
}

static int forget(struct nl_sock *sock, const struct swept_set *set, const struct dead *dead,
                  struct err *err)
{
    struct batch batch = {0};
    struct nl_msg *elements = compose_nft(NFT_MSG_DELSETELEM, NLM_F_ACK, set->family);
    put_elements(elements, set->name, dead->keys, dead->count);
    append(&batch, nfnetlink_compose(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    append(&batch, elements);
    append(&batch, nfnetlink_compose(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    int e = nl_sendto(sock, batch.bytes, batch.len);
    if (e >= 0) {
        e = nl_wait_for_ack(sock);
    }
    return e < 0 && e != -NLE_OBJ_NOTFOUND // somebody took the table away meanwhile
               ? err_set(err, ERR_SYSTEM, "forgetting counters: %s", nl_geterror(e))
               : 0;
}

static int sweep_set(struct nl_sock *sock, const struct swept_set *set, struct err *err)
{
    struct dead dead;
    int r;
    do {
        dead = (struct dead){0};
        r = list_dead(sock, set, &dead, err);
        if (r == 0 && dead.count > 0) {
            r = forget(sock, set, &dead, err);
        }
    } while (r == 0 && dead.count == DEAD_MAX);
    return r;
}

int traffic_sweep(struct err *err)
{
    _cleanup_nl_sock_ struct nl_sock *sock = NULL;
    int r = nfnetlink_open(&sock, err);
    if (r == 0) {
        nl_socket_disable_seq_check(sock); // a batch is numbered by nobody
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(swept); i++) {
        r = sweep_set(sock, &swept[i], err);
    }
    return r;
}
