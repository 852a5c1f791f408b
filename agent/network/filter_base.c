#include "filter_base.h"

#include "cidr.h"
#include "config.h"

// Chains of guests are named in<slot> and out<slot>. A chain is left by `return` where another of the same hook
// has still to be asked.
static const char frame[] =
    "add table inet croft\n"
    // What guests have of their own: filter_guest.c.
    "add map inet croft rate_up { type ifname : limit; }\n"
    "add map inet croft rate_down { type ifname : limit; }\n"
    "add map inet croft guest_in { type ifname : verdict; }\n"
    "add map inet croft guest_out { type ifname : verdict; }\n"
    "add map inet croft forwards { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
    "add set inet croft private4 { type ipv4_addr; }\n"
    "add set inet croft private6 { type ipv6_addr; }\n"
    "add set inet croft member4 { type ipv4_addr; }\n"
    "add set inet croft member6 { type ipv6_addr; }\n"
    "add set inet croft networks4 { type ipv4_addr . ipv4_addr; flags interval; }\n"
    "add set inet croft networks6 { type ipv6_addr . ipv6_addr; flags interval; }\n"
    // Devices of guests whose own part was refused.
    "add set inet croft cut_off { type ifname; }\n"
    // What guests must not reach.
    "add set inet croft deny4 { type ipv4_addr; flags interval; auto-merge; }\n"
    "add set inet croft deny6 { type ipv6_addr; flags interval; auto-merge; }\n"
    // Of each guest's device, by its number: a device that comes later under the same name has another.
    "add set inet croft connections_out { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft connections_in { type iface_index; size 65535; flags dynamic; }\n"
    // The same: what was one too many, and what crossed (traffic.c).
    "add set inet croft refused_out { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft refused_in { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft traffic_out_inside { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft traffic_out_outside { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft traffic_in_inside { type iface_index; size 65535; flags dynamic; }\n"
    "add set inet croft traffic_in_outside { type iface_index; size 65535; flags dynamic; }\n"
    // The same: its questions about neighbours.
    "add set inet croft neighbours { type iface_index; size 65535; flags dynamic; }\n"
    "add table arp croft\n"
    "add set arp croft neighbours { type iface_index; size 65535; flags dynamic; }\n"
    "add chain arp croft input { type filter hook input priority filter; policy accept; }\n"
    // What of the world is inside the location.
    "add set inet croft inside4 { type ipv4_addr; flags interval; auto-merge; }\n"
    "add set inet croft inside6 { type ipv6_addr; flags interval; auto-merge; }\n"
    "add chain inet croft guest\n"
    "add chain inet croft refuse_out\n"
    "add chain inet croft refuse_in\n"
    "add chain inet croft prerouting { type filter hook prerouting priority raw; policy accept; }\n"
    "add chain inet croft rate_in { type filter hook prerouting priority -299; policy accept; }\n"
    "add chain inet croft outgoing { type filter hook prerouting priority mangle; policy accept; "
    "}\n"
    "add chain inet croft forwarding { type nat hook prerouting priority dstnat; policy accept; }\n"
    "add chain inet croft forward { type filter hook forward priority filter; policy accept; }\n"
    "add chain inet croft input { type filter hook input priority filter; policy accept; }\n"
    "add chain inet croft incoming { type filter hook postrouting priority -1; policy accept; }\n"
    "add chain inet croft rate_out { type filter hook postrouting priority filter; policy accept; "
    "}\n"
    "add chain inet croft traffic { type filter hook postrouting priority 1; policy accept; }\n"
    "add chain inet croft traffic_node { type filter hook input priority 1; policy accept; }\n"
    "add chain inet croft postrouting { type nat hook postrouting priority srcnat; policy accept; "
    "}\n";

static const char *const sets[] = {"cut_off", "private4", "private6",  "member4",
                                   "member6", "deny4",    "networks4", "networks6",
                                   "deny6",   "inside4",  "inside6"};
static const char *const maps[] = {"rate_up", "rate_down", "guest_in", "guest_out", "forwards"};
static const char *const chains[] = {
    "guest",   "refuse_out", "refuse_in", "prerouting", "rate_in", "outgoing",     "forwarding",
    "forward", "input",      "incoming",  "rate_out",   "traffic", "traffic_node", "postrouting"};

#define NEIGHBOUR_TYPES "{ nd-neighbor-solicit, nd-neighbor-advert }"
// Who asks is remembered as a neighbour, in a table that all devices of the node share. An honest guest asks a few times a minute.
#define NEIGHBOURS "add @neighbours { iif limit rate over 20/second burst 50 packets } drop\n"

static const char rules[] =
    "add rule inet croft prerouting iifname @cut_off drop\n"
    "add rule inet croft incoming oifname @cut_off drop\n"
    // What a guest sends must come from one of its addresses; neighbour discovery excepted.
    // Loopback, unspecified, multicast and the node's own addresses have no route to the guest
    // either.
    "add rule inet croft prerouting iifname \"crv*\" jump guest\n"
    "add rule inet croft guest ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 icmpv6 "
    "type " NEIGHBOUR_TYPES " " NEIGHBOURS
    "add rule inet croft guest ip6 saddr { ::, fe80::/10 } ip6 hoplimit 255 icmpv6 "
    "type " NEIGHBOUR_TYPES " return\n"
    "flush chain arp croft input\n"
    "add rule arp croft input iifname \"crv*\" " NEIGHBOURS
    "add rule inet croft guest fib saddr . iif oif missing drop\n"
    "add rule inet croft rate_in limit name iifname map @rate_up drop\n"
    "add rule inet croft rate_out limit name oifname map @rate_down drop\n"
    // Ports of the node that lead to guests.
    "add rule inet croft forwarding fib daddr type local dnat ip to meta l4proto . th dport map "
    "@forwards\n"
    // What a guest may reach, whatever its own firewall says: not what belongs to somebody else.
    "add rule inet croft forward iifname != \"crv*\" oifname != \"crv*\" accept\n"
    "add rule inet croft forward ct state established,related accept\n"
    // A private network is other guests, and nothing behind the node: what is for none of them goes nowhere.
    "add rule inet croft forward oifname \"crv*\" ip saddr @member4 ip saddr . ip daddr @networks4 "
    "accept\n"
    "add rule inet croft forward oifname \"crv*\" ip6 saddr @member6 ip6 saddr . ip6 daddr "
    "@networks6 accept\n"
    "add rule inet croft forward ip saddr @member4 drop\n"
    "add rule inet croft forward ip6 saddr @member6 drop\n"
    "add rule inet croft forward ct status dnat accept\n"
    "add rule inet croft forward ip daddr @private4 drop\n"
    "add rule inet croft forward ip6 daddr @private6 drop\n"
    "add rule inet croft forward ip daddr @member4 drop\n"
    "add rule inet croft forward ip6 daddr @member6 drop\n"
    "add rule inet croft forward iifname \"crv*\" ip daddr @deny4 drop\n"
    "add rule inet croft forward iifname \"crv*\" ip6 daddr @deny6 drop\n"
    // The node itself answers guests only ping, neighbour discovery and what it asked for.
    "add rule inet croft input iifname \"crv*\" ct state established,related accept\n"
    "add rule inet croft input iifname \"crv*\" icmp type echo-request limit rate 100/second "
    "accept\n"
    "add rule inet croft input iifname \"crv*\" icmpv6 type echo-request limit rate 100/second "
    "accept\n"
    "add rule inet croft input iifname \"crv*\" icmpv6 type " NEIGHBOUR_TYPES " accept\n"
    "add rule inet croft input iifname \"crv*\" drop\n"
    // What is let through is counted, before it is masqueraded. What never leaves the node is inside.
    "add rule inet croft traffic iifname \"crv*\" oifname \"crv*\" add @traffic_out_inside "
    "{ iif counter } add @traffic_in_inside { oif counter } accept\n"
    "add rule inet croft traffic oifname \"crv*\" fib saddr type local add @traffic_in_inside "
    "{ oif counter } accept\n"
    "add rule inet croft traffic oifname \"crv*\" ip saddr @inside4 add @traffic_in_inside "
    "{ oif counter } accept\n"
    "add rule inet croft traffic oifname \"crv*\" ip6 saddr @inside6 add @traffic_in_inside "
    "{ oif counter } accept\n"
    "add rule inet croft traffic oifname \"crv*\" add @traffic_in_outside { oif counter }\n"
    "add rule inet croft traffic iifname \"crv*\" ip daddr @inside4 add @traffic_out_inside "
    "{ iif counter } accept\n"
    "add rule inet croft traffic iifname \"crv*\" ip6 daddr @inside6 add @traffic_out_inside "
    "{ iif counter } accept\n"
    "add rule inet croft traffic iifname \"crv*\" add @traffic_out_outside { iif counter }\n"
    "add rule inet croft traffic_node iifname \"crv*\" add @traffic_out_inside { iif counter }\n"
    // Private addresses leave the node as the node's own.
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip saddr @private4 "
    "masquerade\n"
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip6 saddr @private6 "
    "masquerade\n"
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip saddr "
    "{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } masquerade\n"
    "add rule inet croft postrouting iifname \"crv*\" oifname != \"crv*\" ip6 saddr fc00::/7 "
    "masquerade\n";

// The customer's own rules, each way: the answer to what was let through passes, and so does what the device itself
// needs, so that nobody can cut himself off from his gateway.
static const char own_rules[] =
    "add rule inet croft %1$s %2$s != \"crv*\" accept\n"
    "add rule inet croft %1$s ct state established,related accept\n"
    "add rule inet croft %1$s ip6 hoplimit 255 icmpv6 type " NEIGHBOUR_TYPES " accept\n"
    "add rule inet croft %1$s ct state new add @connections_%4$s { %3$s ct count over %5$lld } "
    "jump refuse_%4$s\n"
    // Dropped also where there is no room to count it.
    "add rule inet croft refuse_%4$s add @refused_%4$s { %3$s counter }\n"
    "add rule inet croft refuse_%4$s drop\n"
    "add rule inet croft %1$s %2$s vmap @guest_%4$s\n";

static void write_networks(const struct field_strings *networks, const char *set, FILE *commands)
{
    for (size_t i = 0; i < networks->count; i++) {
        const char *network = networks->items[i];
        fprintf(commands, "add element inet croft %s%d { %s }\n", set, cidr_family(network),
                network);
    }
}

static void write_deny(const struct agent_config *config, FILE *commands)
{
    fputs("add element inet croft deny4 { 169.254.0.0/16 }\n"
          "add element inet croft deny6 { fe80::/10 }\n",
          commands);
    write_networks(&config->network.deny, "deny", commands);
}

void filter_base_write(const struct agent_config *config, FILE *commands)
{
    fputs(frame, commands);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        fprintf(commands, "flush chain inet croft %s\n", chains[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        fprintf(commands, "flush map inet croft %s\n", maps[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        fprintf(commands, "flush set inet croft %s\n", sets[i]);
    }
    fputs(rules, commands);
    long long most = config->network.connections;
    fprintf(commands, own_rules, "outgoing", "iifname", "iif", "out", most);
    fprintf(commands, own_rules, "incoming", "oifname", "oif", "in", most);
    write_deny(config, commands);
    write_networks(&config->network.inside, "inside", commands);
}
