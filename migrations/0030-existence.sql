-- What a vps was, second by second, from its creation to its end: what time is billed by. Written by triggers, in the
-- transaction of the change (functions/75-existence.sql).

-- A chain without a gap and without an overlap, which constraints keep: each link but the first begins where another of the same
-- vps ends (follows), at most one begins and at most one ends at a moment, and at most one is the first, one the last.
CREATE TABLE vps_periods (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    vps_id uuid NOT NULL REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    location_id uuid NOT NULL REFERENCES locations,
    plan_id uuid, -- null: of a vps that was never sold by a plan
    plan_version int,
    -- The first that is true of: ending (ordered to be deleted), lost (given up with its node), held (deleted, can be had back),
    -- suspended (stopped by its tenant's state), running, stopped. By what is desired: what the customer ordered is what he pays.
    state text NOT NULL CHECK (state IN ('ending', 'lost', 'held', 'suspended', 'running', 'stopped')),
    disk_bytes bigint NOT NULL CHECK (disk_bytes > 0),
    ipv4_count int NOT NULL CHECK (ipv4_count >= 0),
    ipv6_count int NOT NULL CHECK (ipv6_count >= 0),
    from_ts timestamptz NOT NULL CHECK (from_ts = date_trunc('second', from_ts, 'UTC')),
    to_ts timestamptz CHECK (to_ts = date_trunc('second', to_ts, 'UTC')), -- null: it is so now. The second itself is the next one's.
    follows timestamptz CHECK (follows = from_ts),
    CHECK (to_ts > from_ts),
    FOREIGN KEY (plan_id, plan_version) REFERENCES plan_versions (plan_id, number),
    UNIQUE (vps_id, from_ts),
    UNIQUE (vps_id, to_ts),
    FOREIGN KEY (vps_id, follows) REFERENCES vps_periods (vps_id, to_ts)
);
CREATE UNIQUE INDEX vps_periods_first ON vps_periods (vps_id) WHERE follows IS NULL;
CREATE UNIQUE INDEX vps_periods_last ON vps_periods (vps_id) WHERE to_ts IS NULL;
CREATE INDEX vps_periods_tenant ON vps_periods (tenant_id, from_ts);
CREATE INDEX vps_periods_location ON vps_periods (location_id);
CREATE INDEX vps_periods_plan ON vps_periods (plan_id);

-- From when a snapshot was ready until it was ordered to be deleted. Its row is gone after that, so nothing here points to it.
CREATE TABLE snapshot_periods (
    snapshot_id uuid PRIMARY KEY,
    vps_id uuid NOT NULL REFERENCES vps,
    tenant_id uuid NOT NULL REFERENCES tenants,
    size_bytes bigint CHECK (size_bytes >= 0), -- null: the node did not say
    from_ts timestamptz NOT NULL CHECK (from_ts = date_trunc('second', from_ts, 'UTC')),
    to_ts timestamptz CHECK (to_ts = date_trunc('second', to_ts, 'UTC')),
    CHECK (to_ts > from_ts)
);
CREATE INDEX snapshot_periods_vps ON snapshot_periods (vps_id);
CREATE INDEX snapshot_periods_tenant ON snapshot_periods (tenant_id, from_ts);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['vps_periods', 'snapshot_periods']
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
