#include "firewall.h"

#include "cidr.h"
#include "json.h"
#include "spec_private.h"

#include <stdlib.h>
#include <string.h>

enum protocol { PROTOCOL_ANY, PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMP, PROTOCOL_ICMPV6 };

static const struct {
    const char *word, *match;
} protocols[] = {
    [PROTOCOL_ANY] = {"any", ""},
    [PROTOCOL_TCP] = {"tcp", " meta l4proto tcp"},
    [PROTOCOL_UDP] = {"udp", " meta l4proto udp"},
    [PROTOCOL_ICMP] = {"icmp", " meta l4proto icmp"},
    [PROTOCOL_ICMPV6] = {"icmpv6", " meta l4proto ipv6-icmp"},
};

struct network {
    int family;
    char text[CIDR_TEXT_MAX];
};

struct rule {
    enum firewall_direction direction;
    bool accept;
    enum protocol protocol;
    struct {
        unsigned first, last;
    } ports[FIREWALL_PORTS_MAX];
    size_t port_count;
    bool any; // of the other side; else one of its networks, which may be none
    struct network *networks;
    size_t network_count;
};

struct firewall {
    bool accept[2]; // the policy of each direction
    struct rule *rules;
    size_t rule_count;
    size_t network_count; // of all rules
};

// ---- The gate

struct raw_rule {
    const char *direction, *action, *protocol;
    struct field_strings ports;
    json_t *cidrs;
};

static const struct field rule_fields[] = {
    {.name = "direction",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_rule, direction),
     .min = 2,
     .max = 3,
     .flags = FIELD_REQUIRED,
     .help = "in or out, as the guest sees it"},
    {.name = "action",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_rule, action),
     .min = 4,
     .max = 6,
     .flags = FIELD_REQUIRED,
     .help = "accept or drop"},
    {.name = "protocol",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_rule, protocol),
     .min = 3,
     .max = 6,
     .flags = FIELD_REQUIRED,
     .help = "any, tcp, udp, icmp or icmpv6"},
    {.name = "ports",
     .type = FIELD_STRINGS,
     .offset = offsetof(struct raw_rule, ports),
     .max = FIREWALL_PORTS_MAX,
     .item_max = 11,
     .help = "of tcp and udp: \"22\", \"8000-8080\"; none: any"},
    {.name = "cidrs",
     .type = FIELD_JSON,
     .offset = offsetof(struct raw_rule, cidrs),
     .flags = FIELD_NULLABLE,
     .help = "networks of the other side; null: any; empty: none"},
    {0},
};

struct raw_firewall {
    const char *policy_in, *policy_out;
    json_t *rules;
};

static const struct field firewall_fields[] = {
    {.name = "policy_in",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_firewall, policy_in),
     .min = 4,
     .max = 6,
     .flags = FIELD_REQUIRED,
     .help = "accept or drop: what no rule decides"},
    {.name = "policy_out",
     .type = FIELD_STRING,
     .offset = offsetof(struct raw_firewall, policy_out),
     .min = 4,
     .max = 6,
     .flags = FIELD_REQUIRED,
     .help = "the same for what it sends"},
    {.name = "rules",
     .type = FIELD_JSON,
     .offset = offsetof(struct raw_firewall, rules),
     .flags = FIELD_REQUIRED,
     .help = "in order"},
    {0},
};

// 1 for yes, 0 for no, -1 for neither.
static int choose(const char *word, const char *yes, const char *no)
{
    return strcmp(word, yes) == 0 ? 1 : strcmp(word, no) == 0 ? 0 : -1;
}

// A number from 1 to 65535 without a leading zero, up to `end`.
static bool read_port(const char **text, char end, unsigned *ret_port)
{
    unsigned port = 0;
    const char *c = *text;
    if (*c == '0') {
        return false;
    }
    for (; *c >= '0' && *c <= '9' && port <= 65535; c++) {
        port = port * 10 + (unsigned)(*c - '0');
    }
    if (*c != end || port == 0 || port > 65535) {
        return false;
    }
    *ret_port = port;
    *text = c + (end ? 1 : 0);
    return true;
}

static int add_ports(struct rule *rule, const struct field_strings *ports, struct err *err)
{
    if (ports->count > 0 && rule->protocol != PROTOCOL_TCP && rule->protocol != PROTOCOL_UDP) {
        return err_at(err, ERR_INVALID, "/ports", "only tcp and udp have ports");
    }
    for (size_t i = 0; i < ports->count; i++) {
        const char *text = ports->items[i];
        unsigned first = 0, last = 0;
        bool range = strchr(text, '-') != NULL;
        bool good = read_port(&text, range ? '-' : '\0', &first) &&
                    (!range || read_port(&text, '\0', &last));
        if (!good || (range && last < first)) {
            return err_at(err, ERR_INVALID, "/ports", "not a port or a range of ports");
        }
        rule->ports[rule->port_count].first = first;
        rule->ports[rule->port_count++].last = range ? last : first;
    }
    return 0;
}

static int add_networks(struct firewall *firewall, struct rule *rule, json_t *cidrs,
                        struct err *err)
{
    rule->any = !cidrs || json_is_null(cidrs);
    if (rule->any) {
        return 0;
    }
    firewall->network_count += json_array_size(cidrs);
    if (!json_is_array(cidrs) || firewall->network_count > FIREWALL_CIDRS_MAX) {
        return err_at(err, ERR_INVALID, "/cidrs", "must be an array, of at most %d in all rules",
                      FIREWALL_CIDRS_MAX);
    }
    size_t index;
    json_t *value;
    rule->networks = calloc(json_array_size(cidrs) + 1, sizeof(*rule->networks));
    if (!rule->networks) {
        abort();
    }
    json_array_foreach (cidrs, index, value) {
        const char *text = json_string_value(value);
        struct network *network = &rule->networks[rule->network_count];
        network->family = text ? cidr_family(text) : 0;
        if (network->family == 0) {
            return err_at(err, ERR_INVALID, "/cidrs", "not a network in canonical form");
        }
        snprintf(network->text, sizeof(network->text), "%s", text);
        rule->network_count++;
    }
    return 0;
}

static int fill_rule(struct firewall *firewall, struct rule *rule, const struct raw_rule *raw,
                     struct err *err)
{
    int is_in = choose(raw->direction, "in", "out");
    int accepts = choose(raw->action, "accept", "drop");
    size_t protocol = 0;
    while (protocol < ARRAY_LEN(protocols) &&
           strcmp(raw->protocol, protocols[protocol].word) != 0) {
        protocol++;
    }
    if (is_in < 0 || accepts < 0 || protocol == ARRAY_LEN(protocols)) {
        return err_set(err, ERR_INVALID, "not a direction, action or protocol");
    }
    rule->direction = is_in ? FIREWALL_IN : FIREWALL_OUT;
    rule->accept = accepts;
    rule->protocol = (enum protocol)protocol;
    int r = add_ports(rule, &raw->ports, err);
    return r < 0 ? r : add_networks(firewall, rule, raw->cidrs, err);
}

static int add_rule(struct firewall *firewall, json_t *value, struct err *err)
{
    _cleanup_json_ json_t *known = spec_known_fields(rule_fields, value);
    struct raw_rule raw;
    int r = field_decode(rule_fields, known, NULL, &raw, err);
    if (r == 0) {
        r = fill_rule(firewall, &firewall->rules[firewall->rule_count++], &raw, err);
        field_release(rule_fields, &raw);
    }
    return r < 0 ? err_wrap(err, "/firewall/rules") : 0;
}

static int fill(struct firewall *firewall, const struct raw_firewall *raw, struct err *err)
{
    int in = choose(raw->policy_in, "accept", "drop");
    int out = choose(raw->policy_out, "accept", "drop");
    if (in < 0 || out < 0 || !json_is_array(raw->rules) ||
        json_array_size(raw->rules) > FIREWALL_RULES_MAX) {
        return err_at(err, ERR_INVALID, "/firewall", "two policies and at most %d rules",
                      FIREWALL_RULES_MAX);
    }
    firewall->accept[FIREWALL_IN] = in;
    firewall->accept[FIREWALL_OUT] = out;
    firewall->rules = calloc(json_array_size(raw->rules) + 1, sizeof(*firewall->rules));
    if (!firewall->rules) {
        abort();
    }
    size_t index;
    json_t *value;
    json_array_foreach (raw->rules, index, value) {
        int r = add_rule(firewall, value, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int firewall_decode(json_t *value, struct firewall **ret_firewall, struct err *err)
{
    *ret_firewall = NULL;
    if (!value || json_is_null(value)) {
        return 0;
    }
    _cleanup_json_ json_t *known = spec_known_fields(firewall_fields, value);
    struct raw_firewall raw;
    int r = field_decode(firewall_fields, known, NULL, &raw, err);
    if (r < 0) {
        return err_wrap(err, "/firewall");
    }
    struct firewall *firewall = calloc(1, sizeof(*firewall));
    if (!firewall) {
        abort();
    }
    r = fill(firewall, &raw, err);
    field_release(firewall_fields, &raw);
    if (r < 0) {
        firewall_free(firewall);
        return r;
    }
    *ret_firewall = firewall;
    return 0;
}

void firewall_free(struct firewall *firewall)
{
    if (!firewall) {
        return;
    }
    for (size_t i = 0; i < firewall->rule_count; i++) {
        free(firewall->rules[i].networks);
    }
    free(firewall->rules);
    free(firewall);
}

// ---- As nftables rules

int firewall_filters(const struct firewall *firewall, enum firewall_direction direction)
{
    if (!firewall) {
        return 0;
    }
    for (size_t i = 0; i < firewall->rule_count; i++) {
        if (firewall->rules[i].direction == direction && !firewall->rules[i].accept) {
            return 1;
        }
    }
    return !firewall->accept[direction];
}

static void write_ports(const struct rule *rule, FILE *commands)
{
    for (size_t i = 0; i < rule->port_count; i++) {
        fprintf(commands, "%s%u-%u", i == 0 ? " th dport { " : ", ", rule->ports[i].first,
                rule->ports[i].last);
    }
    fputs(rule->port_count > 0 ? " }" : "", commands);
}

static size_t count_networks(const struct rule *rule, int family)
{
    size_t count = 0;
    for (size_t i = 0; i < rule->network_count; i++) {
        count += rule->networks[i].family == family;
    }
    return count;
}

static void write_networks(const struct rule *rule, int family, FILE *commands)
{
    const char *side = rule->direction == FIREWALL_IN ? "saddr" : "daddr";
    const char *between = "";
    fprintf(commands, " %s %s { ", family == 4 ? "ip" : "ip6", side);
    for (size_t i = 0; i < rule->network_count; i++) {
        if (rule->networks[i].family == family) {
            fprintf(commands, "%s%s", between, rule->networks[i].text);
            between = ", ";
        }
    }
    fputs(" }", commands);
}

// family 0: whatever the other side's address is.
static void write_rule(const struct rule *rule, int family, const char *chain, FILE *commands)
{
    fprintf(commands, "add rule inet croft %s", chain);
    if (family) {
        write_networks(rule, family, commands);
    }
    fputs(protocols[rule->protocol].match, commands);
    write_ports(rule, commands);
    fprintf(commands, " %s\n", rule->accept ? "return" : "drop");
}

void firewall_write(const struct firewall *firewall, enum firewall_direction direction,
                    const char *chain, FILE *commands)
{
    for (size_t i = 0; i < firewall->rule_count; i++) {
        const struct rule *rule = &firewall->rules[i];
        if (rule->direction != direction) {
            continue;
        }
        if (rule->any) {
            write_rule(rule, 0, chain, commands);
        }
        for (int family = 4; family <= 6; family += 2) {
            if (count_networks(rule, family) > 0) {
                write_rule(rule, family, chain, commands);
            }
        }
    }
    if (!firewall->accept[direction]) {
        fprintf(commands, "add rule inet croft %s drop\n", chain);
    }
}
