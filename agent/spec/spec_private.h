// What the files of the spec's gate share (spec.c, spec_network.c, firewall.c).
#pragma once

#include "field.h"
#include "spec.h"

// A newer server may say more than we understand: keep what the table names. New reference.
json_t *spec_known_fields(const struct field *table, json_t *object);

int spec_add_addresses(struct vps_spec *spec, json_t *addresses, struct err *err) _must_check_;
// Only those of a private address are possible: after spec_add_addresses().
int spec_add_forwards(struct vps_spec *spec, json_t *forwards, struct err *err) _must_check_;
