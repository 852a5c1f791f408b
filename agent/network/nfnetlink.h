// Netfilter by netlink: what the files that ask the kernel's tables share.
#pragma once

#include "err.h"
#include "macro.h"

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

static inline void cleanup_nl_sock(struct nl_sock **sock)
{
    if (*sock) {
        nl_socket_free(*sock);
    }
}
#define _cleanup_nl_sock_ _cleanup_(cleanup_nl_sock)

static inline void cleanup_nl_msg(struct nl_msg **msg)
{
    if (*msg) {
        nlmsg_free(*msg);
    }
}
#define _cleanup_nl_msg_ _cleanup_(cleanup_nl_msg)

// Without acknowledgements: who wants one asks for it. The caller frees it.
int nfnetlink_open(struct nl_sock **ret_sock, struct err *err) _must_check_;

// A message of a type of a subsystem (NFNL_SUBSYS_… << 8 | type). The caller frees it.
struct nl_msg *nfnetlink_compose(int type, int flags, int family, int resource);

// The attribute of that type at the top of a message, or nested in another; NULL: there is none, also where attr is NULL.
const struct nlattr *nfnetlink_find(struct nl_msg *msg, int type);
const struct nlattr *nfnetlink_inside(const struct nlattr *attr, int type);

// Sends, and gives each answer to on_valid. *ret_found: the kernel knows what was asked about.
int nfnetlink_ask(struct nl_sock *sock, struct nl_msg *msg, nl_recvmsg_msg_cb_t on_valid, void *arg,
                  bool *ret_found, struct err *err) _must_check_;
