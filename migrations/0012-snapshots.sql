-- Points in time of a vps's disk, on its node, and when they are made by themselves. A row counts in the quota `snapshots` as
-- long as it is there, whatever its state: the node may have something under its id.

INSERT INTO resources (name, title) VALUES ('snapshots', 'snapshots') ON CONFLICT DO NOTHING;

CREATE TABLE snapshots (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants,
    vps_id uuid NOT NULL REFERENCES vps,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    period text CHECK (period IN ('hourly', 'daily', 'weekly')), -- of the schedule that made it; null: somebody did
    state text NOT NULL DEFAULT 'creating' CHECK (state IN ('creating', 'ready', 'deleting', 'failed')),
    size_bytes bigint CHECK (size_bytes >= 0), -- what the disk held then; null until it is ready
    error jsonb, -- {code, detail} of a failed one, or of a delete that is tried again
    task_id uuid, -- the open one that makes or deletes it
    attempts int NOT NULL DEFAULT 0, -- deletes that failed
    retry_at timestamptz,
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX snapshots_vps ON snapshots (vps_id, id);
CREATE INDEX snapshots_tenant ON snapshots (tenant_id, id);
CREATE INDEX snapshots_retry ON snapshots (retry_at) WHERE retry_at IS NOT NULL;
CREATE INDEX snapshots_failed ON snapshots (updated_at) WHERE state = 'failed';

CREATE TABLE snapshot_schedules (
    vps_id uuid PRIMARY KEY REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    -- How many of each period are kept; 0: none is made.
    hourly int NOT NULL CHECK (hourly BETWEEN 0 AND 168),
    daily int NOT NULL CHECK (daily BETWEEN 0 AND 366),
    weekly int NOT NULL CHECK (weekly BETWEEN 0 AND 260),
    next_at timestamptz NOT NULL,
    -- The last of each period that was ordered.
    hourly_at timestamptz,
    daily_at timestamptz,
    weekly_at timestamptz,
    error jsonb, -- {code, detail} of the last run, if none was ordered
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (hourly + daily + weekly > 0)
);
CREATE INDEX snapshot_schedules_due ON snapshot_schedules (next_at);
CREATE INDEX snapshot_schedules_tenant ON snapshot_schedules (tenant_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['snapshots', 'snapshot_schedules']
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO croft_definer', t);
        EXECUTE format('GRANT SELECT ON %I TO croft_tenant, croft_operator', t);
    END LOOP;
END
$$;

INSERT INTO state_transitions (machine, from_state, to_state) VALUES
    ('snapshots.state', 'creating', 'ready'), ('snapshots.state', 'creating', 'failed'),
    -- Deleted before it was made: the delete waits behind.
    ('snapshots.state', 'creating', 'deleting'),
    ('snapshots.state', 'ready', 'deleting'), ('snapshots.state', 'failed', 'deleting');
