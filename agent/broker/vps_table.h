// Every vps of this node in the broker's memory: what its record says and what was observed last.
#pragma once

#include "evidence.h"
#include "vps_state.h"

struct vps_entry {
    struct vps_state state; // as on disk; a folder without a readable record has only the id
    bool has_record;
    struct vps_spec spec; // decoded; valid if has_spec
    bool has_spec;
    enum observed observed; // now; state.observed is what is on disk
    struct err error; // why observed is OBSERVED_ERROR
    int64_t changed_ms; // when observed changed
    unsigned comebacks; // how often the broker started it again, since it last ran for long
    bool dirty; // not yet told to the server
    struct evidence_memory evidence;
    struct evidence_connections connections;
    unsigned unmeasured; // samples that failed one after another
    bool killed; // a process of it was, for want of memory, and it has not been told
};

struct vps_table;

// Loads every record. A record that cannot be read is kept as an entry without one.
int vps_table_create(const struct agent_config *config, struct vps_table **ret_table,
                     struct err *err) _must_check_;
void vps_table_destroy(struct vps_table *table);

// Reads the record again; the entry goes when the record has gone (returns NULL then).
struct vps_entry *vps_table_refresh(struct vps_table *table, const char *vps);

struct vps_entry *vps_table_find(const struct vps_table *table, const char *vps);
struct vps_entry *vps_table_at(const struct vps_table *table, size_t index); // NULL behind the last
