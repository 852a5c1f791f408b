-- Usage, from the evidence up: the open hour of each life of a guest is in its watermark, hours that are over are evidence, and
-- usage_hours is what both add up to. Points for graphs lie beside it. docs/billing.md, docs/decisions/0050-evidence-first.md.

ALTER TABLE usage_marks RENAME TO usage_marks_before;
ALTER TABLE usage_hours RENAME TO usage_hours_before;
ALTER INDEX usage_marks_pkey RENAME TO usage_marks_before_pkey;
ALTER INDEX usage_hours_tenant RENAME TO usage_hours_before_tenant;

-- The watermark of each (vps, boot), and its part of the hour that it is in: `first_` is each counter where the part begins.
CREATE TABLE usage_marks (
    vps_id uuid NOT NULL REFERENCES vps,
    boot uuid NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    hour timestamptz NOT NULL,
    part int NOT NULL DEFAULT 1, -- of this boot in this hour: another begins where counters had to be taken anew
    samples bigint NOT NULL, -- that counted in this part
    first_seq bigint NOT NULL,
    seq bigint NOT NULL, -- what is at or below it was seen
    first_ts timestamptz NOT NULL,
    ts timestamptz NOT NULL, -- of the last one that counted
    mono_ns bigint NOT NULL,
    first_cpu_ns bigint NOT NULL, cpu_ns bigint NOT NULL,
    first_io_read_bytes bigint NOT NULL, io_read_bytes bigint NOT NULL,
    first_io_write_bytes bigint NOT NULL, io_write_bytes bigint NOT NULL,
    first_io_read_ops bigint NOT NULL, io_read_ops bigint NOT NULL,
    first_io_write_ops bigint NOT NULL, io_write_ops bigint NOT NULL,
    first_net_rx_bytes bigint NOT NULL, net_rx_bytes bigint NOT NULL,
    first_net_tx_bytes bigint NOT NULL, net_tx_bytes bigint NOT NULL,
    first_net_rx_packets bigint NOT NULL, net_rx_packets bigint NOT NULL,
    first_net_tx_packets bigint NOT NULL, net_tx_packets bigint NOT NULL,
    first_oom_kills bigint NOT NULL, oom_kills bigint NOT NULL,
    first_net_rx_inside_bytes bigint NOT NULL, net_rx_inside_bytes bigint NOT NULL,
    first_net_tx_inside_bytes bigint NOT NULL, net_tx_inside_bytes bigint NOT NULL,
    first_net_rx_outside_bytes bigint NOT NULL, net_rx_outside_bytes bigint NOT NULL,
    first_net_tx_outside_bytes bigint NOT NULL, net_tx_outside_bytes bigint NOT NULL,
    net_gaps bigint NOT NULL,
    memory_bytes bigint NOT NULL,
    memory_anon_bytes bigint NOT NULL,
    disk_bytes bigint NOT NULL,
    pids bigint NOT NULL,
    -- Of this part: for how long levels were known, and what they add up to.
    measured_ms bigint NOT NULL,
    memory_byte_seconds bigint NOT NULL,
    memory_anon_byte_seconds bigint NOT NULL,
    disk_byte_seconds bigint NOT NULL,
    anew boolean NOT NULL DEFAULT false, -- this part begins at other counters than the one before it ended with
    suspect jsonb, -- the last sample, if it did not count (functions/71-usage-doubt.sql)
    PRIMARY KEY (vps_id, boot)
) WITH (fillfactor = 45);
CREATE INDEX usage_marks_tenant ON usage_marks (tenant_id);

-- Hours that are over. It only grows: usage that comes late for an hour is a row of its own.
CREATE TABLE usage_evidence (
    vps_id uuid NOT NULL REFERENCES vps,
    boot uuid NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants,
    hour timestamptz NOT NULL,
    part int NOT NULL,
    samples bigint NOT NULL CHECK (samples > 0),
    first_seq bigint NOT NULL, last_seq bigint NOT NULL,
    first_ts timestamptz NOT NULL, last_ts timestamptz NOT NULL,
    first_cpu_ns bigint NOT NULL, last_cpu_ns bigint NOT NULL,
    first_io_read_bytes bigint NOT NULL, last_io_read_bytes bigint NOT NULL,
    first_io_write_bytes bigint NOT NULL, last_io_write_bytes bigint NOT NULL,
    first_io_read_ops bigint NOT NULL, last_io_read_ops bigint NOT NULL,
    first_io_write_ops bigint NOT NULL, last_io_write_ops bigint NOT NULL,
    first_net_rx_bytes bigint NOT NULL, last_net_rx_bytes bigint NOT NULL,
    first_net_tx_bytes bigint NOT NULL, last_net_tx_bytes bigint NOT NULL,
    first_net_rx_packets bigint NOT NULL, last_net_rx_packets bigint NOT NULL,
    first_net_tx_packets bigint NOT NULL, last_net_tx_packets bigint NOT NULL,
    first_oom_kills bigint NOT NULL, last_oom_kills bigint NOT NULL,
    first_net_rx_inside_bytes bigint NOT NULL, last_net_rx_inside_bytes bigint NOT NULL,
    first_net_tx_inside_bytes bigint NOT NULL, last_net_tx_inside_bytes bigint NOT NULL,
    first_net_rx_outside_bytes bigint NOT NULL, last_net_rx_outside_bytes bigint NOT NULL,
    first_net_tx_outside_bytes bigint NOT NULL, last_net_tx_outside_bytes bigint NOT NULL,
    measured_ms bigint NOT NULL,
    memory_byte_seconds bigint NOT NULL,
    memory_anon_byte_seconds bigint NOT NULL,
    disk_byte_seconds bigint NOT NULL,
    anew boolean NOT NULL DEFAULT false,
    PRIMARY KEY (vps_id, hour, boot, part)
);
CREATE INDEX usage_evidence_tenant ON usage_evidence (tenant_id, hour);
CREATE INDEX usage_evidence_hour ON usage_evidence (hour);

-- How far the clock of a node since its start is behind ours: what hours are told by. The node's own idea of the time is not.
CREATE TABLE usage_clocks (
    node_id uuid NOT NULL REFERENCES nodes,
    boot uuid NOT NULL, -- of the node
    offset_us bigint NOT NULL, -- our time = its clock since its start + this
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (node_id, boot)
) WITH (fillfactor = 50);

-- What was not counted because it cannot be true.
CREATE TABLE usage_quarantine (
    id uuid PRIMARY KEY DEFAULT croft_uuid(),
    node_id uuid NOT NULL REFERENCES nodes,
    vps_id uuid NOT NULL, -- as the node said: there may be none
    boot uuid NOT NULL,
    seq bigint NOT NULL,
    reason text NOT NULL CHECK (reason IN ('backwards', 'too_fast', 'too_much', 'time', 'foreign')),
    sample jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (vps_id, boot, seq, node_id)
);
CREATE INDEX usage_quarantine_node ON usage_quarantine (node_id, vps_id, boot);

ALTER TABLE usage_gaps DROP CONSTRAINT usage_gaps_reason_check;
-- quarantined: a sample did not count. unmeasured: so long between two samples that levels are not known.
ALTER TABLE usage_gaps ADD CHECK (reason IN ('missing', 'backwards', 'too_old', 'unclassed', 'quarantined', 'unmeasured'));

-- What a guest's device can carry; null: nobody knows. More than that is not counted.
ALTER TABLE nodes ADD COLUMN line_rate_mbit bigint DEFAULT 100000 CHECK (line_rate_mbit BETWEEN 1 AND 100000000);

-- ---- Points for graphs, of what counted. A ring of partitions by the hour: one is emptied before its hour comes again, which
-- takes no longer however full it is. usage_slots says which hour each holds now; a point of another hour is not kept.

CREATE TABLE usage_slots (
    ring text NOT NULL CHECK (ring IN ('minutes', 'fine')),
    slot int NOT NULL,
    hour timestamptz NOT NULL,
    PRIMARY KEY (ring, slot)
);

-- One row a report: rates and levels of the `seconds` before ts. For two days.
CREATE TABLE usage_minutes (
    vps_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    slot int NOT NULL,
    seconds real NOT NULL,
    cpu real NOT NULL, -- processors
    memory_bytes real NOT NULL,
    memory_anon_bytes real NOT NULL,
    disk_bytes real NOT NULL,
    -- A second.
    io_read_bytes real NOT NULL,
    io_write_bytes real NOT NULL,
    io_read_ops real NOT NULL,
    io_write_ops real NOT NULL,
    net_rx_bytes real NOT NULL,
    net_tx_bytes real NOT NULL,
    net_rx_packets real NOT NULL,
    net_tx_packets real NOT NULL,
    net_rx_inside_bytes real NOT NULL,
    net_tx_inside_bytes real NOT NULL,
    net_rx_outside_bytes real NOT NULL,
    net_tx_outside_bytes real NOT NULL
) PARTITION BY LIST (slot);

-- The same, of the seconds within a report: one row a report, its points as the agent says them (docs/agent-protocol.md). For an hour.
CREATE TABLE usage_fine (
    vps_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    slot int NOT NULL,
    points text NOT NULL
) PARTITION BY LIST (slot);

DO $$
DECLARE
    r record;
BEGIN
    -- What is kept, the hour that it is, the next one, and one more that is empty.
    FOR r IN SELECT 'minutes' AS ring, i FROM generate_series(0, 51) i UNION ALL SELECT 'fine', i FROM generate_series(0, 4) i
    LOOP
        EXECUTE format('CREATE TABLE usage_%s_%s PARTITION OF usage_%1$s FOR VALUES IN (%2$s)', r.ring, r.i);
        -- By vps alone: its points of an hour are then one entry of the index, which stays small.
        EXECUTE format('CREATE INDEX ON usage_%s_%s (vps_id)', r.ring, r.i);
    END LOOP;
    INSERT INTO usage_slots
    SELECT g.name, h.n % g.slots, to_timestamp(h.n * 3600)
    FROM (VALUES ('minutes', 52), ('fine', 5)) g (name, slots),
        LATERAL (SELECT i + extract(epoch FROM now())::bigint / 3600 AS n FROM generate_series(2 - g.slots, 1) i) h;
END
$$;

DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND (tablename IN ('usage_marks', 'usage_evidence',
        'usage_clocks', 'usage_quarantine') OR tablename ~ '^usage_(slots|minutes|fine)')
    LOOP
        EXECUTE format('ALTER TABLE %I OWNER TO croft_owner', t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON %I TO croft_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY definer_all ON %I TO croft_definer USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %I TO croft_definer', t);
        IF t !~ '^usage_(minutes|fine)_' THEN
            EXECUTE format('CREATE POLICY operator_read ON %I FOR SELECT TO croft_operator USING (true)', t);
            EXECUTE format('GRANT SELECT ON %I TO croft_operator', t);
        END IF;
        IF t IN ('usage_marks', 'usage_evidence') THEN
            EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (tenant_id = croft_tenant_id())', t);
        ELSIF t IN ('usage_minutes', 'usage_fine') THEN
            EXECUTE format('CREATE POLICY tenant_read ON %I FOR SELECT TO croft_tenant USING (EXISTS '
                '(SELECT FROM vps v WHERE v.id = vps_id AND v.tenant_id = croft_tenant_id()))', t);
        ELSIF t = 'usage_slots' THEN
            EXECUTE 'CREATE POLICY tenant_read ON usage_slots FOR SELECT TO croft_tenant USING (true)';
        END IF;
        IF t IN ('usage_marks', 'usage_evidence', 'usage_minutes', 'usage_fine', 'usage_slots') THEN
            EXECUTE format('GRANT SELECT ON %I TO croft_tenant', t);
        END IF;
    END LOOP;
END
$$;
-- Evidence does not change: what is over is only added, and given up as a whole when it is too old.
REVOKE UPDATE ON usage_evidence FROM croft_definer;

-- What was counted so far, carried over: sums of hours as a life of their own, watermarks as they stand.
INSERT INTO usage_evidence (vps_id, boot, tenant_id, hour, part, samples, first_seq, last_seq, first_ts, last_ts, first_cpu_ns, last_cpu_ns,
    first_io_read_bytes, last_io_read_bytes, first_io_write_bytes, last_io_write_bytes, first_io_read_ops, last_io_read_ops,
    first_io_write_ops, last_io_write_ops, first_net_rx_bytes, last_net_rx_bytes, first_net_tx_bytes, last_net_tx_bytes,
    first_net_rx_packets, last_net_rx_packets, first_net_tx_packets, last_net_tx_packets, first_oom_kills, last_oom_kills,
    first_net_rx_inside_bytes, last_net_rx_inside_bytes, first_net_tx_inside_bytes, last_net_tx_inside_bytes,
    first_net_rx_outside_bytes, last_net_rx_outside_bytes, first_net_tx_outside_bytes, last_net_tx_outside_bytes,
    measured_ms, memory_byte_seconds, memory_anon_byte_seconds, disk_byte_seconds)
SELECT vps_id, '00000000-0000-0000-0000-000000000000', tenant_id, hour, 1, samples, 0, samples, first_ts, last_ts, 0, cpu_ns,
    0, io_read_bytes, 0, io_write_bytes, 0, io_read_ops, 0, io_write_ops, 0, net_rx_bytes, 0, net_tx_bytes,
    0, net_rx_packets, 0, net_tx_packets, 0, oom_kills, 0, net_rx_inside_bytes, 0, net_tx_inside_bytes,
    0, net_rx_outside_bytes, 0, net_tx_outside_bytes,
    extract(epoch FROM last_ts - first_ts) * 1000, memory_byte_seconds, memory_anon_byte_seconds, disk_byte_seconds
FROM usage_hours_before WHERE samples > 0;

INSERT INTO usage_marks
SELECT m.vps_id, m.boot, v.tenant_id, date_trunc('hour', m.ts, 'UTC'), 1, 0, m.seq, m.seq, m.ts, m.ts, m.mono_ns, m.cpu_ns, m.cpu_ns,
    m.io_read_bytes, m.io_read_bytes, m.io_write_bytes, m.io_write_bytes, m.io_read_ops, m.io_read_ops, m.io_write_ops, m.io_write_ops,
    m.net_rx_bytes, m.net_rx_bytes, m.net_tx_bytes, m.net_tx_bytes, m.net_rx_packets, m.net_rx_packets,
    m.net_tx_packets, m.net_tx_packets, m.oom_kills, m.oom_kills, m.net_rx_inside_bytes, m.net_rx_inside_bytes,
    m.net_tx_inside_bytes, m.net_tx_inside_bytes, m.net_rx_outside_bytes, m.net_rx_outside_bytes,
    m.net_tx_outside_bytes, m.net_tx_outside_bytes, m.net_gaps, m.memory_bytes, m.memory_anon_bytes, m.disk_bytes, m.pids,
    0, 0, 0, 0, true, NULL
FROM usage_marks_before m JOIN vps v ON v.id = m.vps_id;

DROP TABLE usage_marks_before, usage_hours_before CASCADE;

-- What an agent says of one vps at one moment. round: the how many-th of its boot in the batch.
CREATE TYPE usage_sample AS (round bigint, vps_id uuid, boot uuid, seq bigint, ts timestamptz, mono_ns bigint, cpu_ns bigint,
    io_read_bytes bigint, io_write_bytes bigint, io_read_ops bigint, io_write_ops bigint, net_rx_bytes bigint, net_tx_bytes bigint,
    net_rx_packets bigint, net_tx_packets bigint, oom_kills bigint, memory_bytes bigint, memory_anon_bytes bigint,
    disk_bytes bigint, pids bigint, net_rx_inside_bytes bigint, net_tx_inside_bytes bigint, net_rx_outside_bytes bigint,
    net_tx_outside_bytes bigint, net_gaps bigint, fine text);
ALTER TYPE usage_sample OWNER TO croft_owner;

-- The part that each boot is in, as evidence would say it.
CREATE VIEW usage_open WITH (security_invoker = true) AS
    SELECT vps_id, boot, tenant_id, hour, part, samples, first_seq, seq AS last_seq, first_ts, ts AS last_ts,
        first_cpu_ns, cpu_ns AS last_cpu_ns, first_io_read_bytes, io_read_bytes AS last_io_read_bytes,
        first_io_write_bytes, io_write_bytes AS last_io_write_bytes, first_io_read_ops, io_read_ops AS last_io_read_ops,
        first_io_write_ops, io_write_ops AS last_io_write_ops, first_net_rx_bytes, net_rx_bytes AS last_net_rx_bytes,
        first_net_tx_bytes, net_tx_bytes AS last_net_tx_bytes, first_net_rx_packets, net_rx_packets AS last_net_rx_packets,
        first_net_tx_packets, net_tx_packets AS last_net_tx_packets, first_oom_kills, oom_kills AS last_oom_kills,
        first_net_rx_inside_bytes, net_rx_inside_bytes AS last_net_rx_inside_bytes,
        first_net_tx_inside_bytes, net_tx_inside_bytes AS last_net_tx_inside_bytes,
        first_net_rx_outside_bytes, net_rx_outside_bytes AS last_net_rx_outside_bytes,
        first_net_tx_outside_bytes, net_tx_outside_bytes AS last_net_tx_outside_bytes,
        measured_ms, memory_byte_seconds, memory_anon_byte_seconds, disk_byte_seconds, anew
    FROM usage_marks WHERE samples > 0;
ALTER VIEW usage_open OWNER TO croft_owner;

CREATE VIEW usage_parts WITH (security_invoker = true) AS
    SELECT * FROM usage_evidence UNION ALL SELECT * FROM usage_open;
ALTER VIEW usage_parts OWNER TO croft_owner;

-- What is billed from: what the parts of each hour add up to.
CREATE VIEW usage_hours WITH (security_invoker = true) AS
    SELECT vps_id, hour, tenant_id, sum(samples)::bigint AS samples, sum(last_cpu_ns - first_cpu_ns)::bigint AS cpu_ns,
        sum(last_io_read_bytes - first_io_read_bytes)::bigint AS io_read_bytes,
        sum(last_io_write_bytes - first_io_write_bytes)::bigint AS io_write_bytes,
        sum(last_io_read_ops - first_io_read_ops)::bigint AS io_read_ops,
        sum(last_io_write_ops - first_io_write_ops)::bigint AS io_write_ops,
        sum(last_net_rx_bytes - first_net_rx_bytes)::bigint AS net_rx_bytes,
        sum(last_net_tx_bytes - first_net_tx_bytes)::bigint AS net_tx_bytes,
        sum(last_net_rx_packets - first_net_rx_packets)::bigint AS net_rx_packets,
        sum(last_net_tx_packets - first_net_tx_packets)::bigint AS net_tx_packets,
        sum(last_oom_kills - first_oom_kills)::bigint AS oom_kills,
        sum(last_net_rx_inside_bytes - first_net_rx_inside_bytes)::bigint AS net_rx_inside_bytes,
        sum(last_net_tx_inside_bytes - first_net_tx_inside_bytes)::bigint AS net_tx_inside_bytes,
        sum(last_net_rx_outside_bytes - first_net_rx_outside_bytes)::bigint AS net_rx_outside_bytes,
        sum(last_net_tx_outside_bytes - first_net_tx_outside_bytes)::bigint AS net_tx_outside_bytes,
        sum(memory_byte_seconds)::bigint AS memory_byte_seconds,
        sum(memory_anon_byte_seconds)::bigint AS memory_anon_byte_seconds,
        sum(disk_byte_seconds)::bigint AS disk_byte_seconds,
        sum(measured_ms)::bigint AS measured_ms, min(first_ts) AS first_ts, max(last_ts) AS last_ts
    FROM usage_parts GROUP BY vps_id, hour, tenant_id;
ALTER VIEW usage_hours OWNER TO croft_owner;
GRANT SELECT ON usage_open, usage_parts, usage_hours TO croft_tenant, croft_operator, croft_definer;
