#include "filter_guest.h"

#include "firewall.h"
#include "plan_limits.h"

#include <inttypes.h>

enum { BURST_PARTS = 5, BURST_MIN = 128 * 1024 };

static const struct {
    enum firewall_direction direction;
    const char *name;
} directions[] = {{FIREWALL_IN, "in"}, {FIREWALL_OUT, "out"}};

// ---- Rates: a policer each way, reached by the name of the guest's device

static void write_rate(FILE *commands, const char *way, uint32_t slot, int64_t bps)
{
    int64_t bytes = bps / 8;
    int64_t burst = bytes / BURST_PARTS > BURST_MIN ? bytes / BURST_PARTS : BURST_MIN;
    fprintf(commands,
            "add limit inet croft %s%u { rate over %" PRId64 " bytes/second burst %" PRId64
            " bytes }\n"
            "add element inet croft rate_%s { \"crv%u\" : \"%s%u\" }\n",
            way, slot, bytes, burst, way, slot, way, slot);
}

// What is to be deleted must be there: it is added first, which changes nothing where it was.
static void undo_rate(FILE *commands, const char *way, uint32_t slot)
{
    fprintf(commands,
            "add limit inet croft %s%u { rate over 1 bytes/second }\n"
            "add element inet croft rate_%s { \"crv%u\" : \"%s%u\" }\n"
            "delete element inet croft rate_%s { \"crv%u\" }\n"
            "delete limit inet croft %s%u\n",
            way, slot, way, slot, way, slot, way, slot, way, slot);
}

// ---- Firewall: a chain each way, reached the same way

static void write_chain(const struct vps_spec *spec, size_t i, FILE *commands)
{
    char chain[24];
    const char *name = directions[i].name;
    snprintf(chain, sizeof(chain), "%s%u", name, spec->slot);
    fprintf(commands, "add chain inet croft %s\nflush chain inet croft %s\n", chain, chain);
    firewall_write(spec->firewall, directions[i].direction, chain, commands);
    fprintf(commands, "add element inet croft guest_%s { \"crv%u\" : jump %s }\n", name, spec->slot,
            chain);
}

static void undo_chain(unsigned slot, size_t i, FILE *commands)
{
    const char *name = directions[i].name;
    fprintf(commands,
            "add chain inet croft %s%u\n"
            "add element inet croft guest_%s { \"crv%u\" : jump %s%u }\n"
            "delete element inet croft guest_%s { \"crv%u\" }\n"
            "flush chain inet croft %s%u\n"
            "delete chain inet croft %s%u\n",
            name, slot, name, slot, name, slot, name, slot, name, slot, name, slot);
}

// ---- Addresses that the world does not reach, and ports that lead to them

static void write_address(const struct vps_address *address, FILE *commands)
{
    if (address->kind == ADDRESS_ROUTED) {
        return;
    }
    // Refused while another guest has it: an address means one guest.
    fprintf(commands, "create element inet croft %s%d { %s }\n",
            address->kind == ADDRESS_PRIVATE ? "private" : "member", address->family,
            address->text);
    if (address->kind == ADDRESS_NETWORK) {
        fprintf(commands, "add element inet croft networks%d { %s . %s }\n", address->family,
                address->network, address->network);
    }
}

// The network itself stays: others may be in it, and without a member it means nothing.
static void undo_address(const struct vps_address *address, FILE *commands)
{
    if (address->kind == ADDRESS_ROUTED) {
        return;
    }
    const char *set = address->kind == ADDRESS_PRIVATE ? "private" : "member";
    fprintf(commands,
            "add element inet croft %s%d { %s }\n"
            "delete element inet croft %s%d { %s }\n",
            set, address->family, address->text, set, address->family, address->text);
}

static void write_forward(const struct vps_forward *forward, FILE *commands)
{
    fprintf(commands, "add element inet croft forwards { %s . %u : %s . %u }\n",
            forward->udp ? "udp" : "tcp", forward->host_port, forward->address, forward->port);
}

static void undo_forward(const struct vps_forward *forward, FILE *commands)
{
    write_forward(forward, commands);
    fprintf(commands, "delete element inet croft forwards { %s . %u }\n",
            forward->udp ? "udp" : "tcp", forward->host_port);
}

// ---- All of it

void filter_guest_write(const struct vps_spec *spec, FILE *commands)
{
    int64_t bps = plan_limits_net_bps(spec);
    if (bps > 0) {
        write_rate(commands, "up", spec->slot, bps);
        write_rate(commands, "down", spec->slot, bps);
    }
    for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
        if (firewall_filters(spec->firewall, directions[i].direction)) {
            write_chain(spec, i, commands);
        }
    }
    for (size_t i = 0; i < spec->address_count; i++) {
        write_address(&spec->addresses[i], commands);
    }
    for (size_t i = 0; i < spec->forward_count; i++) {
        write_forward(&spec->forwards[i], commands);
    }
}

void filter_guest_cut_off(unsigned slot, FILE *commands)
{
    fprintf(commands, "add element inet croft cut_off { \"crv%u\" }\n", slot);
}

void filter_guest_undo_slot(unsigned slot, FILE *commands)
{
    for (size_t i = 0; i < ARRAY_LEN(directions); i++) {
        undo_chain(slot, i, commands);
    }
    undo_rate(commands, "up", slot);
    undo_rate(commands, "down", slot);
    filter_guest_cut_off(slot, commands);
    fprintf(commands, "delete element inet croft cut_off { \"crv%u\" }\n", slot);
}

void filter_guest_undo(const struct vps_spec *spec, FILE *commands)
{
    for (size_t i = 0; i < spec->forward_count; i++) {
        undo_forward(&spec->forwards[i], commands);
    }
    for (size_t i = 0; i < spec->address_count; i++) {
        undo_address(&spec->addresses[i], commands);
    }
    filter_guest_undo_slot(spec->slot, commands);
}
