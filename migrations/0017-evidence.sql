-- What a customer is shown of limits, pressure, kills and the console. Measured by the node, replaced by each report: none of it
-- is billed, and a report that is lost is made good by the next. No index but the keys, so that updates stay on their page.

CREATE TABLE vps_evidence (
    vps_id uuid PRIMARY KEY REFERENCES vps,
    tenant_id uuid NOT NULL, -- of the vps
    boot uuid NOT NULL, -- the start of the guest since which hits are counted, as in usage_marks
    ts timestamptz NOT NULL,
    limits jsonb NOT NULL CHECK (jsonb_typeof(limits) = 'array'), -- [{name, used, limit, hits}] as last reported
    totals jsonb NOT NULL DEFAULT '{}', -- {name: hits} of boots that are over
    cpu jsonb, -- {periods, throttled_periods, throttled_ns}
    pressure jsonb, -- {cpu, memory, io: {some, full: [avg10, avg60, avg300 in hundredths of a percent, total_us]}}
    oom_kills bigint NOT NULL CHECK (oom_kills >= 0) -- all that the node has seen
) WITH (fillfactor = 50);

-- The last ones of each vps; croft_evidence_kills() keeps it short.
CREATE TABLE vps_oom_kills (
    vps_id uuid NOT NULL REFERENCES vps,
    node_boot uuid NOT NULL, -- of the kernel, whose log counts seq
    seq bigint NOT NULL,
    tenant_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    process text NOT NULL CHECK (length(process) <= 64),
    pid bigint NOT NULL,
    memory_bytes bigint NOT NULL CHECK (memory_bytes >= 0),
    cause text NOT NULL CHECK (cause IN ('limit', 'node')), -- the vps's own limit; the node had no memory left
    PRIMARY KEY (vps_id, node_boot, seq)
);

-- The console's last words, asked of the node when somebody wants them.
CREATE TABLE vps_logs (
    vps_id uuid PRIMARY KEY REFERENCES vps,
    tenant_id uuid NOT NULL,
    node_id uuid NOT NULL REFERENCES nodes,
    asked_at timestamptz, -- null: nobody waits
    fetched_at timestamptz,
    truncated boolean NOT NULL DEFAULT false, -- there was more before it
    text text NOT NULL DEFAULT '' CHECK (octet_length(text) <= 65536)
);
CREATE INDEX vps_logs_asked ON vps_logs (node_id) WHERE asked_at IS NOT NULL;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['vps_evidence', 'vps_oom_kills', 'vps_logs']
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
