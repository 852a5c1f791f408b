#include "filter_left.h"

#include "filter_all.h"
#include "filter_guest.h"
#include "nfnetlink.h"

#include <netinet/in.h> // before <linux/netfilter.h>, which would define the same

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <string.h>

enum { LEFT_MAX = 256 }; // in one look; the next one comes within a minute

struct look {
    int table, name; // attributes of what is asked for
    const unsigned char *known;
    unsigned left[LEFT_MAX];
    size_t count;
};

// in<slot>, out<slot>, up<slot>, down<slot>: see filter_guest.c. -1: another's name.
static int slot_of(const char *name)
{
    static const char *const prefixes[] = {"in", "out", "up", "down"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t len = strlen(prefixes[i]);
        const char *digits = name + len;
        if (strncmp(name, prefixes[i], len) == 0 && *digits >= '0' && *digits <= '9' &&
            digits[strspn(digits, "0123456789")] == '\0') {
            unsigned long slot = strtoul(digits, NULL, 10);
            return slot < FILTER_SLOTS ? (int)slot : -1;
        }
    }
    return -1;
}

static bool contains(const struct look *look, unsigned slot)
{
    for (size_t i = 0; i < look->count; i++) {
        if (look->left[i] == slot) {
            return true;
        }
    }
    return false;
}

static const char *text_of(struct nl_msg *msg, int type)
{
    const struct nlattr *attr = nfnetlink_find(msg, type);
    const char *text = attr ? nla_data(attr) : "";
    return attr && nla_len(attr) > 0 && text[nla_len(attr) - 1] == '\0' ? text : "";
}

static int take(struct nl_msg *msg, void *arg)
{
    struct look *look = arg;
    bool ours = strcmp(text_of(msg, look->table), "croft") == 0;
    int slot = ours ? slot_of(text_of(msg, look->name)) : -1;
    if (slot >= 0 && !(look->known[slot / 8] & 1U << slot % 8) && !contains(look, (unsigned)slot) &&
        look->count < LEFT_MAX) {
        look->left[look->count++] = (unsigned)slot;
    }
    return NL_OK;
}

static int list(struct look *look, int type, struct err *err)
{
    _cleanup_nl_sock_ struct nl_sock *sock = NULL;
    int r = nfnetlink_open(&sock, err);
    if (r < 0) {
        return r;
    }
    _cleanup_nl_msg_ struct nl_msg *msg =
        nfnetlink_compose(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_DUMP, NFPROTO_INET, 0);
    bool found;
    return nfnetlink_ask(sock, msg, take, look, &found, err);
}

static int list_all(struct look *look, struct err *err)
{
    look->table = NFTA_CHAIN_TABLE;
    look->name = NFTA_CHAIN_NAME;
    int r = list(look, NFT_MSG_GETCHAIN, err);
    look->table = NFTA_OBJ_TABLE;
    look->name = NFTA_OBJ_NAME;
    return r < 0 ? r : list(look, NFT_MSG_GETOBJ, err);
}

int filter_left_remove(const unsigned char known[FILTER_SLOTS / 8], struct err *err)
{
    struct look look = {.known = known};
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = list_all(&look, err);
    if (r < 0 || look.count == 0) {
        return r;
    }
    FILE *commands = open_memstream(&text, &len);
    if (!commands) {
        abort();
    }
    for (size_t i = 0; i < look.count; i++) {
        filter_guest_undo_slot(look.left[i], commands);
    }
    fclose(commands);
    r = filter_run(text, len, FILTER_COMMIT, err);
    return r < 0 ? err_wrap(err, "removing filters of nobody") : 0;
}
