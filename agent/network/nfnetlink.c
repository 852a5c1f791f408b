#include "nfnetlink.h"

#include <endian.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

int nfnetlink_open(struct nl_sock **ret_sock, struct err *err)
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

struct nl_msg *nfnetlink_compose(int type, int flags, int family, int resource)
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

const struct nlattr *nfnetlink_find(struct nl_msg *msg, int type)
{
    return nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct nfgenmsg), type);
}

const struct nlattr *nfnetlink_inside(const struct nlattr *attr, int type)
{
    return attr ? nla_find(nla_data(attr), nla_len(attr), type) : NULL;
}

int nfnetlink_ask(struct nl_sock *sock, struct nl_msg *msg, nl_recvmsg_msg_cb_t on_valid, void *arg,
                  bool *ret_found, struct err *err)
{
    nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid, arg);
    int e = nl_send_auto(sock, msg);
    if (e >= 0) {
        e = nl_recvmsgs_default(sock);
    }
    *ret_found = e != -NLE_OBJ_NOTFOUND;
    return e < 0 && *ret_found ? err_set(err, ERR_SYSTEM, "asking netfilter: %s", nl_geterror(e))
                               : 0;
}
