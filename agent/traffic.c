#include "traffic.h"

#include "macro.h"

#include <netinet/in.h> // before <linux/netfilter.h>, which would define the same

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stddef.h>
#include <string.h>

enum { DEAD_MAX = 64 }; // of one set in one sweep; the next one comes within a minute

static const char table_name[] = "croft";

static const struct counted_set {
    const char *name;
    size_t offset; // in struct traffic
} sets[] = {
    {"traffic_in_inside", offsetof(struct traffic, in_inside)},
    {"traffic_in_outside", offsetof(struct traffic, in_outside)},
    {"traffic_out_inside", offsetof(struct traffic, out_inside)},
    {"traffic_out_outside", offsetof(struct traffic, out_outside)},
};

static void cleanup_socket(struct nl_sock **sock)
{
    if (*sock) {
        nl_socket_free(*sock);
    }
}
#define _cleanup_socket_ _cleanup_(cleanup_socket)

static void cleanup_msg(struct nl_msg **msg)
{
    if (*msg) {
        nlmsg_free(*msg);
    }
}
#define _cleanup_msg_ _cleanup_(cleanup_msg)

static int open_socket(struct nl_sock **ret_sock, struct err *err)
{
    struct nl_sock *sock = nl_socket_alloc();
    if (!sock) {
        abort();
    }
    int e = nl_connect(sock, NETLINK_NETFILTER);
    if (e < 0) {
        nl_socket_free(sock);
        return err_set(err, ERR_SYSTEM, "opening netfilter netlink: %s", nl_geterror(e));
    }
    nl_socket_disable_auto_ack(sock);
    *ret_sock = sock;
    return 0;
}

static struct nl_msg *compose(int type, int flags, int family, int resource)
{
    struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
    const struct nfgenmsg head = {.nfgen_family = (uint8_t)family,
                                  .version = NFNETLINK_V0,
                                  .res_id = htobe16((uint16_t)resource)};
    if (!msg || nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), NLMSG_ALIGNTO) < 0) {
        abort();
    }
    return msg;
}

static struct nl_msg *compose_nft(int type, int flags)
{
    return compose(NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
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

// Sends, and gives each answer to on_valid. *ret_found: the kernel knows what was asked about.
static int ask(struct nl_sock *sock, struct nl_msg *msg, nl_recvmsg_msg_cb_t on_valid, void *arg,
               bool *ret_found, struct err *err)
{
    nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid, arg);
    int e = nl_send_auto(sock, msg);
    if (e >= 0) {
        e = nl_recvmsgs_default(sock);
    }
    *ret_found = e != -NLE_OBJ_NOTFOUND;
    return e < 0 && *ret_found
               ? err_set(err, ERR_SYSTEM, "asking nftables for counters: %s", nl_geterror(e))
               : 0;
}

static int take_handle(struct nl_msg *msg, void *arg)
{
    uint64_t handle;
    const struct nlattr *attr =
        nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct nfgenmsg), NFTA_TABLE_HANDLE);
    if (attr && nla_len(attr) == sizeof(handle)) {
        memcpy(&handle, nla_data(attr), sizeof(handle));
        *(uint64_t *)arg = be64toh(handle);
    }
    return NL_OK;
}

static int ask_table(struct nl_sock *sock, uint64_t *ret_handle, struct err *err)
{
    _cleanup_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETTABLE, 0);
    bool found;
    *ret_handle = 0;
    if (nla_put_string(msg, NFTA_TABLE_NAME, table_name) < 0) {
        abort();
    }
    return ask(sock, msg, take_handle, ret_handle, &found, err);
}

static const struct nlattr *inside(const struct nlattr *attr, int type)
{
    return attr ? nla_find(nla_data(attr), nla_len(attr), type) : NULL;
}

static int take_counter(struct nl_msg *msg, void *arg)
{
    uint64_t value;
    const struct nlattr *attr =
        nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
    attr = inside(inside(inside(inside(attr, NFTA_LIST_ELEM), NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA),
                  NFTA_COUNTER_BYTES);
    if (attr && nla_len(attr) == sizeof(value)) {
        memcpy(&value, nla_data(attr), sizeof(value));
        *(uint64_t *)arg = be64toh(value);
    }
    return NL_OK;
}

static int ask_counter(struct nl_sock *sock, const struct counted_set *set, uint32_t ifindex,
                       struct traffic *traffic, struct err *err)
{
    _cleanup_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETSETELEM, 0);
    bool found;
    put_elements(msg, set->name, &ifindex, 1);
    return ask(sock, msg, take_counter, (char *)traffic + set->offset, &found, err);
}

// The table first: what is counted by a later one is then never taken for the earlier one's.
int traffic_sample(unsigned ifindex, struct traffic *ret_traffic, struct err *err)
{
    _cleanup_socket_ struct nl_sock *sock = NULL;
    *ret_traffic = (struct traffic){0};
    int r = open_socket(&sock, err);
    if (r == 0) {
        r = ask_table(sock, &ret_traffic->table, err);
    }
    for (size_t i = 0; r == 0 && ifindex > 0 && i < ARRAY_LEN(sets); i++) {
        r = ask_counter(sock, &sets[i], ifindex, ret_traffic, err);
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
    struct nlattr *list =
        nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
    if (!list) {
        return NL_OK;
    }
    nla_for_each_nested(element, list, left)
    {
        uint32_t key;
        const struct nlattr *value = inside(inside(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
        if (value && nla_len(value) == sizeof(key) && dead->count < DEAD_MAX) {
            memcpy(&key, nla_data(value), sizeof(key));
            dead->keys[dead->count] = key;
            dead->count += !if_indextoname(key, name);
        }
    }
    return NL_OK;
}

static int list_dead(struct nl_sock *sock, const char *set, struct dead *dead, struct err *err)
{
    _cleanup_msg_ struct nl_msg *msg = compose_nft(NFT_MSG_GETSETELEM, NLM_F_DUMP);
    bool found;
    put_elements(msg, set, NULL, 0);
    return ask(sock, msg, take_dead, dead, &found, err);
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

static int forget(struct nl_sock *sock, const char *set, const struct dead *dead, struct err *err)
{
    struct batch batch = {0};
    struct nl_msg *elements = compose_nft(NFT_MSG_DELSETELEM, NLM_F_ACK);
    put_elements(elements, set, dead->keys, dead->count);
    append(&batch, compose(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    append(&batch, elements);
    append(&batch, compose(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    int e = nl_sendto(sock, batch.bytes, batch.len);
    if (e >= 0) {
        e = nl_wait_for_ack(sock);
    }
    return e < 0 && e != -NLE_OBJ_NOTFOUND // somebody took the table away meanwhile
               ? err_set(err, ERR_SYSTEM, "forgetting counters: %s", nl_geterror(e))
               : 0;
}

int traffic_sweep(struct err *err)
{
    _cleanup_socket_ struct nl_sock *sock = NULL;
    int r = open_socket(&sock, err);
    if (r == 0) {
        nl_socket_disable_seq_check(sock); // a batch is numbered by nobody
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(sets); i++) {
        struct dead dead = {0};
        r = list_dead(sock, sets[i].name, &dead, err);
        if (r == 0 && dead.count > 0) {
            r = forget(sock, sets[i].name, &dead, err);
        }
    }
    return r;
}
