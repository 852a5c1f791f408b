-- The life of a node and of what is on it: what is kept for the host, what is wrong with it, what it has that nobody knows of; and
-- what decides where a vps goes.

ALTER TABLE nodes
    -- Kept for the host itself, before overcommitment.
    ADD COLUMN reserve_vcpus bigint NOT NULL DEFAULT 0 CHECK (reserve_vcpus BETWEEN 0 AND 65536),
    ADD COLUMN reserve_memory_bytes bigint NOT NULL DEFAULT 0 CHECK (reserve_memory_bytes BETWEEN 0 AND 9007199254740991),
    ADD COLUMN reserve_disk_bytes bigint NOT NULL DEFAULT 0 CHECK (reserve_disk_bytes BETWEEN 0 AND 9007199254740991),
    -- A pool that is fuller than this raises an alarm and gets no new vps.
    ADD COLUMN high_water_percent int NOT NULL DEFAULT 90 CHECK (high_water_percent BETWEEN 1 AND 100),
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}' CHECK (cardinality(tags) <= 32),
    ADD COLUMN dedicated boolean NOT NULL DEFAULT false CHECK (NOT dedicated OR cardinality(tags) > 0),
    -- When it last left maintenance: the time limits of its tasks count from here. Null: it never was in it.
    ADD COLUMN serving_since timestamptz;

-- {code: {detail, since}}: what is wrong with it now. Which codes there are: docs/nodes.md.
ALTER TABLE node_status ADD COLUMN alarms jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN pool_bytes bigint; -- as measured; null: not told

ALTER TABLE locations ADD COLUMN placement text NOT NULL DEFAULT 'spread' CHECK (placement IN ('spread', 'pack'));

ALTER TABLE vps
    -- Those of one tenant with the same group are kept apart: always (hard) or where that can be (soft).
    ADD COLUMN anti_affinity_group text CHECK (length(anti_affinity_group) BETWEEN 1 AND 63),
    ADD COLUMN anti_affinity text CHECK (anti_affinity IN ('hard', 'soft')),
    -- An operator gave it up with its node: it holds nothing any more but its range of ids and its ports, and is there to be seen until it is
    -- deleted.
    ADD COLUMN lost_at timestamptz,
    ADD COLUMN lost_addresses jsonb, -- what it had then, with their names
    ADD CHECK ((anti_affinity_group IS NULL) = (anti_affinity IS NULL)),
    ADD CHECK (lost_at IS NULL OR desired <> 'running');
-- What is told to be deleted though nobody knows what it was (croft_admin_orphan_delete) has neither plan nor image.
ALTER TABLE vps ALTER plan_id DROP NOT NULL, ALTER plan_version DROP NOT NULL, ALTER image_id DROP NOT NULL,
    ADD CHECK (deleted_at IS NOT NULL OR plan_id IS NOT NULL AND plan_version IS NOT NULL AND image_id IS NOT NULL);
CREATE INDEX vps_anti_affinity ON vps (tenant_id, anti_affinity_group) WHERE anti_affinity_group IS NOT NULL AND deleted_at IS NULL;

ALTER TABLE node_orphans
    ADD COLUMN slot int CHECK (slot BETWEEN 0 AND 65534); -- of the record that the node has of it; null: it has none

-- What a sweep of the node found that belongs to nothing: not even a record of a vps.
CREATE TABLE node_drift (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    node_id uuid NOT NULL REFERENCES nodes,
    kind text NOT NULL CHECK (kind ~ '^[a-z_]{1,32}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    detail text NOT NULL CHECK (length(detail) <= 255),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    clean_ordered_at timestamptz, -- the node is told to remove it for as long as it reports it
    error text CHECK (length(error) <= 255), -- why it could not
    UNIQUE (node_id, kind, name)
);
ALTER TABLE node_drift OWNER TO croft_owner;
ALTER TABLE node_drift ENABLE ROW LEVEL SECURITY;
ALTER TABLE node_drift FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON node_drift TO croft_owner USING (true) WITH CHECK (true);
CREATE POLICY definer_all ON node_drift TO croft_definer USING (true) WITH CHECK (true);
CREATE POLICY operator_read ON node_drift FOR SELECT TO croft_operator USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON node_drift TO croft_definer;
GRANT SELECT ON node_drift TO croft_operator;

-- A place that a vps could go to, or why not there.
CREATE TYPE croft_candidate AS (node_id uuid, name text, reasons text[], place bigint);
ALTER TYPE croft_candidate OWNER TO croft_owner;
