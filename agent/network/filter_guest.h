// What one guest adds to the node's nftables table, as commands: its rate limits, its firewall, how its private
// addresses leave and what is forwarded to them. Most guests have nothing of that and add nothing.
#pragma once

#include "spec.h"

#include <stdio.h>

// Writes nothing for a guest that needs nothing. What was there of this guest must be gone: filter_guest_undo().
void filter_guest_write(const struct vps_spec *spec, FILE *commands);

// Commands that take away what any guest may have left under this slot, whether or not it is there; and those that let
// nothing of the slot's device pass, either way, until they are taken away so.
void filter_guest_undo_slot(unsigned slot, FILE *commands);
void filter_guest_cut_off(unsigned slot, FILE *commands);

// Commands that take back what filter_guest_write() of the same spec did, whether or not it is there.
void filter_guest_undo(const struct vps_spec *spec, FILE *commands);
