-- The customer's containers, what they hold, what is ordered of agents, what they used.

CREATE TABLE vps (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    plan_id uuid NOT NULL,
    plan_version int NOT NULL, -- the one it was sold with
    image_id uuid NOT NULL REFERENCES images,
    location_id uuid NOT NULL REFERENCES locations,
    node_id uuid NOT NULL REFERENCES nodes,
    desired text NOT NULL CHECK (desired IN ('running', 'stopped', 'deleted')),
    observed text NOT NULL DEFAULT 'absent' CHECK (observed IN ('absent', 'stopped', 'running', 'error')),
    generation bigint NOT NULL DEFAULT 1,
    observed_generation bigint NOT NULL DEFAULT 0,
    -- What it was sold with, and so what it holds of quota and capacity until released_at.
    vcpus int NOT NULL CHECK (vcpus > 0),
    memory_bytes bigint NOT NULL CHECK (memory_bytes > 0),
    swap_bytes bigint NOT NULL CHECK (swap_bytes >= 0),
    disk_bytes bigint NOT NULL CHECK (disk_bytes > 0),
    pids bigint NOT NULL CHECK (pids > 0),
    ipv4_count int NOT NULL CHECK (ipv4_count >= 0),
    ipv6_count int NOT NULL CHECK (ipv6_count >= 0),
    net_rate_bps bigint,
    io_bps bigint,
    iops bigint,
    tun boolean NOT NULL DEFAULT false,
    fuse boolean NOT NULL DEFAULT false,
    nesting boolean NOT NULL DEFAULT false,
    slot int NOT NULL,
    id_base bigint NOT NULL,
    -- The rows of addresses as the API shows them.
    addresses jsonb NOT NULL DEFAULT '[]',
    ssh_keys jsonb NOT NULL DEFAULT '[]',
    hostname text NOT NULL CHECK (hostname ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    user_data text CHECK (octet_length(user_data) <= 65536), -- for its first boot
    frozen boolean NOT NULL DEFAULT false,
    rescue_image_id uuid REFERENCES images, -- what it runs from instead of its own disk; null: it is not in rescue mode
    cloned_from jsonb, -- {source, snapshot?}: the vps whose disk it began with
    -- {task_id, plan_id, vcpus, …} of before, while a resize is under way: until it ends, the larger of each amount is held.
    resize jsonb,
    -- Deleted with a hold: kept until then; desired is stopped, undelete makes it held_desired again.
    delete_after timestamptz,
    held_desired text,
    -- What its tenant's state does to it, whatever is desired: so that taking that back restores it.
    suspended text CHECK (suspended IN ('stop', 'throttle')),
    error jsonb, -- {code, detail} of what keeps observed from desired
    task_id uuid, -- the newest task that is open
    attempts int NOT NULL DEFAULT 0, -- tasks that failed since the last order
    retry_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz, -- a tombstone: a node that comes back with it is told to delete it
    -- The row as the API shows it, written by the trigger render: fifty are read far more often than one changes. A migration
    -- that changes what it shows ends in UPDATE vps SET body = ''.
    body text NOT NULL DEFAULT '',
    CHECK (observed_generation <= generation),
    CHECK (deleted_at IS NULL OR desired = 'deleted'),
    CHECK ((delete_after IS NULL) = (held_desired IS NULL))
) WITH (fillfactor = 70);
-- The name first: with the tenant first it competes with the primary key for reads of one vps.
CREATE UNIQUE INDEX vps_name ON vps (name, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX vps_tenant ON vps (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX vps_node ON vps (node_id);
CREATE INDEX vps_image ON vps (image_id);
CREATE INDEX vps_rescue_image ON vps (rescue_image_id) WHERE rescue_image_id IS NOT NULL;
CREATE INDEX vps_plan ON vps (plan_id);
CREATE INDEX vps_location ON vps (location_id);
CREATE INDEX vps_suspended ON vps (id) WHERE suspended IS NOT NULL;
CREATE INDEX vps_retry ON vps (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX vps_delete_after ON vps (delete_after) WHERE delete_after IS NOT NULL;

CREATE TABLE id_ranges (
    node_id uuid NOT NULL REFERENCES nodes,
    slot int NOT NULL CHECK (slot >= 0),
    -- Deferred: a create takes its range and addresses before its row is written.
    vps_id uuid UNIQUE REFERENCES vps DEFERRABLE INITIALLY DEFERRED, -- null: free again
    PRIMARY KEY (node_id, slot)
);
CREATE INDEX id_ranges_free ON id_ranges (node_id, slot) WHERE vps_id IS NULL;

-- IPv4: every address of a pool has its row from the start. IPv6: only those that were ever given.
CREATE TABLE addresses (
    address inet PRIMARY KEY CHECK (masklen(address) = CASE family(address) WHEN 4 THEN 32 ELSE 128 END),
    pool_id uuid NOT NULL REFERENCES pools,
    vps_id uuid REFERENCES vps DEFERRABLE INITIALLY DEFERRED,
    reserved boolean NOT NULL DEFAULT false,
    release_generation bigint, -- taken from its vps, free once the node has reached this generation
    CHECK (NOT reserved OR vps_id IS NULL)
) WITH (fillfactor = 80);
CREATE INDEX addresses_free ON addresses (pool_id, address) WHERE vps_id IS NULL AND NOT reserved;
CREATE INDEX addresses_vps ON addresses (vps_id) WHERE vps_id IS NOT NULL;

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    node_id uuid NOT NULL REFERENCES nodes,
    seq bigint NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    vps_id uuid NOT NULL REFERENCES vps,
    kind text NOT NULL CHECK (kind IN ('vps_create', 'vps_start', 'vps_stop', 'vps_delete', 'vps_update', 'vps_reboot',
        'vps_password', 'vps_snapshot', 'vps_snapshot_delete', 'vps_restore', 'vps_reinstall', 'vps_rescue', 'vps_clone', 'vps_publish')),
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress int NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    step text,
    generation bigint NOT NULL,
    spec jsonb NOT NULL,
    args jsonb, -- what is not desired state: how to do it, or what is done once
    -- The columns of the vps that the order changed, as they were: what a cancel restores. Null: it cannot be cancelled.
    before jsonb,
    cancel_sent boolean NOT NULL DEFAULT true, -- false: the node is still to be told that it is cancelled
    deadline_s int NOT NULL DEFAULT 300, -- what the agent's worker may take
    request_id text,
    traceparent text,
    error jsonb, -- {code, detail}
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    UNIQUE (node_id, seq),
    CHECK ((ended_at IS NOT NULL) = (status IN ('done', 'failed', 'cancelled')))
) WITH (fillfactor = 70);
CREATE INDEX tasks_open ON tasks (node_id, seq) WHERE ended_at IS NULL;
CREATE INDEX tasks_cancelled ON tasks (node_id) WHERE NOT cancel_sent;
CREATE INDEX tasks_overdue ON tasks (created_at) WHERE ended_at IS NULL;
CREATE INDEX tasks_tenant ON tasks (tenant_id, id);
CREATE INDEX tasks_vps ON tasks (vps_id, id);

-- The watermark of each life of a guest's counters: how far they were counted. Counters are the highest seen.
CREATE TABLE usage_marks (
    vps_id uuid NOT NULL REFERENCES vps,
    boot uuid NOT NULL,
    seq bigint NOT NULL,
    ts timestamptz NOT NULL,
    mono_ns bigint NOT NULL,
    cpu_ns bigint NOT NULL,
    io_read_bytes bigint NOT NULL,
    io_write_bytes bigint NOT NULL,
    io_read_ops bigint NOT NULL,
    io_write_ops bigint NOT NULL,
    net_rx_bytes bigint NOT NULL,
    net_tx_bytes bigint NOT NULL,
    net_rx_packets bigint NOT NULL,
    net_tx_packets bigint NOT NULL,
    oom_kills bigint NOT NULL,
    memory_bytes bigint NOT NULL,
    memory_anon_bytes bigint NOT NULL,
    disk_bytes bigint NOT NULL,
    pids bigint NOT NULL,
    net_rx_inside_bytes bigint NOT NULL,
    net_tx_inside_bytes bigint NOT NULL,
    net_rx_outside_bytes bigint NOT NULL,
    net_tx_outside_bytes bigint NOT NULL,
    net_gaps bigint NOT NULL,
    PRIMARY KEY (vps_id, boot)
) WITH (fillfactor = 50);

-- What is billed from: sums of deltas by the hour of the sample that ended each.
CREATE TABLE usage_hours (
    vps_id uuid NOT NULL REFERENCES vps,
    hour timestamptz NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    samples bigint NOT NULL,
    cpu_ns bigint NOT NULL,
    io_read_bytes bigint NOT NULL,
    io_write_bytes bigint NOT NULL,
    io_read_ops bigint NOT NULL,
    io_write_ops bigint NOT NULL,
    net_rx_bytes bigint NOT NULL,
    net_tx_bytes bigint NOT NULL,
    net_rx_packets bigint NOT NULL,
    net_tx_packets bigint NOT NULL,
    oom_kills bigint NOT NULL,
    net_rx_inside_bytes bigint NOT NULL DEFAULT 0,
    net_tx_inside_bytes bigint NOT NULL DEFAULT 0,
    net_rx_outside_bytes bigint NOT NULL DEFAULT 0,
    net_tx_outside_bytes bigint NOT NULL DEFAULT 0,
    memory_byte_seconds numeric NOT NULL,
    memory_anon_byte_seconds numeric NOT NULL,
    disk_byte_seconds numeric NOT NULL,
    first_ts timestamptz NOT NULL,
    last_ts timestamptz NOT NULL,
    PRIMARY KEY (vps_id, hour)
) WITH (fillfactor = 50);
CREATE INDEX usage_hours_tenant ON usage_hours (tenant_id, hour);

CREATE TABLE usage_gaps (
    vps_id uuid NOT NULL REFERENCES vps,
    boot uuid NOT NULL,
    from_seq bigint NOT NULL, -- the first that is missing
    to_seq bigint NOT NULL,
    -- unclassed: some of its network bytes were lost to inside and outside
    reason text NOT NULL CHECK (reason IN ('missing', 'backwards', 'too_old', 'unclassed')),
    ts timestamptz NOT NULL, -- of the sample that showed it
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (vps_id, boot, from_seq, reason)
);
CREATE INDEX usage_gaps_ts ON usage_gaps (vps_id, ts);
