// The customer's firewall of one guest: what arrives in a spec, checked, and the nftables rules that it becomes.
// Ordered rules, the first that matches decides, then the direction's policy. They decide only what reaches or leaves
// this guest: each is a rule in a chain of the guest's own that ends in return or drop.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdio.h>

enum { FIREWALL_RULES_MAX = 100, FIREWALL_PORTS_MAX = 15, FIREWALL_CIDRS_MAX = 4096 };

enum firewall_direction { FIREWALL_IN, FIREWALL_OUT };

struct firewall;

// {policy_in, policy_out, rules: [{direction, action, protocol, ports, cidrs}]}; docs/agent-protocol.md. null gives
// NULL: everything passes. cidrs together at most FIREWALL_CIDRS_MAX. The caller frees *ret_firewall.
int firewall_decode(json_t *value, struct firewall **ret_firewall, struct err *err) _must_check_;
void firewall_free(struct firewall *firewall);

// Whether anything of that direction would ever be dropped.
int firewall_filters(const struct firewall *firewall, enum firewall_direction direction);

// Commands that add the rules of that direction to the (empty) chain.
void firewall_write(const struct firewall *firewall, enum firewall_direction direction,
                    const char *chain, FILE *commands);
