-- Meters to bill by, the check of what they stand on, and evidence as the API shows it.

-- What a vps used and was from p_from up to p_to, of one tenant. Usage is by the hour: both are the begin of one (UTC), or it counts the hours
-- that begin between them. What existed is to the second. There are no backups: their meter is 0.
CREATE OR REPLACE FUNCTION croft_meter_vps(p_vps uuid, p_tenant uuid, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (vps_id uuid, meter text, quantity numeric, unit text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT p_vps, m.meter, m.quantity, m.unit
    FROM (SELECT coalesce(sum(h.cpu_ns), 0) AS cpu, coalesce(sum(h.memory_byte_seconds), 0) AS memory,
            coalesce(sum(h.memory_anon_byte_seconds), 0) AS anon, coalesce(sum(h.disk_byte_seconds), 0) AS disk,
            coalesce(sum(h.io_read_ops + h.io_write_ops), 0) AS ops, coalesce(sum(h.io_read_bytes + h.io_write_bytes), 0) AS bytes,
            coalesce(sum(h.net_rx_bytes), 0) AS rx, coalesce(sum(h.net_tx_bytes), 0) AS tx,
            coalesce(sum(h.net_rx_inside_bytes), 0) AS rxi, coalesce(sum(h.net_tx_inside_bytes), 0) AS txi,
            coalesce(sum(h.net_rx_outside_bytes), 0) AS rxo, coalesce(sum(h.net_tx_outside_bytes), 0) AS txo
        FROM usage_hours h WHERE h.vps_id = p_vps AND h.tenant_id = p_tenant AND h.hour >= p_from AND h.hour < p_to) u,
        (SELECT coalesce(sum(s.n), 0) AS seconds, coalesce(sum(s.n) FILTER (WHERE p.state = 'running'), 0) AS running,
            coalesce(sum(s.n * p.ipv4_count), 0) AS ipv4
        FROM vps_periods p, LATERAL (SELECT extract(epoch FROM least(p.to_ts, p_to, croft_second()) - greatest(p.from_ts, p_from))::numeric) s (n)
        WHERE p.vps_id = p_vps AND p.tenant_id = p_tenant AND p.from_ts < least(p_to, croft_second())
            AND coalesce(p.to_ts, 'infinity') > p_from) e,
        (SELECT coalesce(sum(s.n * p.size_bytes), 0) AS snapshots
        FROM snapshot_periods p, LATERAL (SELECT extract(epoch FROM least(p.to_ts, p_to, croft_second()) - greatest(p.from_ts, p_from))::numeric) s (n)
        WHERE p.vps_id = p_vps AND p.tenant_id = p_tenant AND p.from_ts < least(p_to, croft_second())
            AND coalesce(p.to_ts, 'infinity') > p_from) n,
        LATERAL (VALUES ('existence', e.seconds / 3600, 'hour'), ('running', e.running / 3600, 'hour'), ('cpu', u.cpu / 1e9, 'second'),
            ('memory', u.memory / 3600, 'byte-hour'), ('memory_anon', u.anon / 3600, 'byte-hour'), ('disk', u.disk / 3600, 'byte-hour'),
            ('io_ops', u.ops, 'operation'), ('io_bytes', u.bytes, 'byte'), ('net_in', u.rx, 'byte'), ('net_out', u.tx, 'byte'),
            ('net_in_inside', u.rxi, 'byte'), ('net_out_inside', u.txi, 'byte'), ('net_in_outside', u.rxo, 'byte'),
            ('net_out_outside', u.txo, 'byte'), ('ipv4', e.ipv4 / 3600, 'address-hour'), ('snapshot', n.snapshots / 3600, 'byte-hour'),
            ('backup', 0, 'byte-hour')) m (meter, quantity, unit);
END
$$;

-- The same of all that a tenant had in that time.
CREATE OR REPLACE FUNCTION croft_meter(p_tenant uuid, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (vps_id uuid, meter text, quantity numeric, unit text) LANGUAGE sql STABLE AS $$
    SELECT m.* FROM (SELECT DISTINCT p.vps_id FROM vps_periods p WHERE p.tenant_id = p_tenant AND p.from_ts < p_to
            AND coalesce(p.to_ts, 'infinity') > p_from) v,
        croft_meter_vps(v.vps_id, p_tenant, p_from, p_to) m
$$;

-- Recomputed from the evidence up. Parts of a boot follow each other: each begins with the counters that the one before it ended with, the first
-- with zero. Within one nothing falls, and its time is its hour's. Every number up to the watermark counted, is missing, or is in quarantine.
CREATE OR REPLACE FUNCTION croft_verify_usage()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH parts AS (
        SELECT p.*, format('%s %s/%s', to_char(p.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24'), p.boot, p.part) AS name,
            ARRAY[first_cpu_ns, first_io_read_bytes, first_io_write_bytes, first_io_read_ops, first_io_write_ops, first_net_rx_bytes,
                first_net_tx_bytes, first_net_rx_packets, first_net_tx_packets, first_oom_kills, first_net_rx_inside_bytes,
                first_net_tx_inside_bytes, first_net_rx_outside_bytes, first_net_tx_outside_bytes] AS first,
            ARRAY[last_cpu_ns, last_io_read_bytes, last_io_write_bytes, last_io_read_ops, last_io_write_ops, last_net_rx_bytes,
                last_net_tx_bytes, last_net_rx_packets, last_net_tx_packets, last_oom_kills, last_net_rx_inside_bytes,
                last_net_tx_inside_bytes, last_net_rx_outside_bytes, last_net_tx_outside_bytes] AS last
        FROM usage_parts p WHERE p.boot <> '00000000-0000-0000-0000-000000000000'
    ), chain AS (
        SELECT p.*, lag(p.last) OVER w AS was, lag(p.last_seq) OVER w AS was_seq, lag(p.last_ts) OVER w AS was_ts
        FROM parts p WINDOW w AS (PARTITION BY p.vps_id, p.boot ORDER BY p.hour, p.part)
    ), seen AS (
        SELECT p.vps_id, p.boot, sum(p.samples) AS samples, min(p.first_seq) AS origin FROM parts p GROUP BY 1, 2
    ), absent AS (
        SELECT g.vps_id, g.boot, sum(g.to_seq - g.from_seq + 1) AS n FROM usage_gaps g LEFT JOIN seen s USING (vps_id, boot)
        WHERE g.reason IN ('missing', 'quarantined') AND g.from_seq > coalesce(s.origin, 0) GROUP BY 1, 2
    )
    SELECT 'usage_chain', c.vps_id, c.name, c.first::text, coalesce(c.was, array_fill(0, ARRAY[14])::bigint[])::text
    FROM chain c WHERE NOT c.anew AND c.hour > now() - interval '2 years' AND c.first <> coalesce(c.was, array_fill(0, ARRAY[14])::bigint[])
    UNION ALL
    SELECT 'usage_sequence', c.vps_id, c.name, c.first_seq::text, coalesce(c.was_seq, 0)::text
    FROM chain c WHERE c.hour > now() - interval '2 years' AND c.first_seq <> coalesce(c.was_seq, 0) AND NOT (c.anew AND c.was_seq IS NULL)
    UNION ALL
    SELECT 'usage_counters', p.vps_id, p.name, p.last::text, p.first::text
    FROM parts p WHERE EXISTS (SELECT FROM unnest(p.first, p.last) x (f, l) WHERE l < f)
    UNION ALL
    SELECT 'usage_hour', p.vps_id, p.name, p.hour::text, p.last_ts::text
    FROM chain p WHERE date_trunc('hour', p.last_ts, 'UTC') <> p.hour OR p.last_ts < p.first_ts OR p.first_ts < p.was_ts OR p.last_ts > now()
    UNION ALL
    SELECT 'usage_gaps', m.vps_id, m.boot::text, (coalesce(s.samples, 0) + coalesce(a.n, 0))::text, (m.seq - coalesce(s.origin, 0))::text
    FROM usage_marks m LEFT JOIN seen s USING (vps_id, boot) LEFT JOIN absent a USING (vps_id, boot)
    WHERE coalesce(s.samples, 0) + coalesce(a.n, 0) <> m.seq - coalesce(s.origin, 0)
        AND coalesce((SELECT min(p.hour) FROM parts p WHERE p.vps_id = m.vps_id AND p.boot = m.boot), now()) > now() - interval '2 years'
$$;

CREATE OR REPLACE FUNCTION croft_usage_part_json(p usage_parts) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('hour', p.hour, 'boot', p.boot, 'part', p.part, 'samples', p.samples, 'first_seq', p.first_seq,
        'last_seq', p.last_seq, 'first_ts', p.first_ts, 'last_ts', p.last_ts, 'anew', p.anew, 'measured_ms', p.measured_ms,
        'memory_byte_seconds', p.memory_byte_seconds, 'memory_anon_byte_seconds', p.memory_anon_byte_seconds,
        'disk_byte_seconds', p.disk_byte_seconds,
        'first', json_build_object('cpu_ns', p.first_cpu_ns, 'io_read_bytes', p.first_io_read_bytes, 'io_write_bytes', p.first_io_write_bytes,
            'io_read_ops', p.first_io_read_ops, 'io_write_ops', p.first_io_write_ops, 'net_rx_bytes', p.first_net_rx_bytes,
            'net_tx_bytes', p.first_net_tx_bytes, 'net_rx_packets', p.first_net_rx_packets, 'net_tx_packets', p.first_net_tx_packets,
            'oom_kills', p.first_oom_kills, 'net_rx_inside_bytes', p.first_net_rx_inside_bytes,
            'net_tx_inside_bytes', p.first_net_tx_inside_bytes, 'net_rx_outside_bytes', p.first_net_rx_outside_bytes,
            'net_tx_outside_bytes', p.first_net_tx_outside_bytes),
        'last', json_build_object('cpu_ns', p.last_cpu_ns, 'io_read_bytes', p.last_io_read_bytes, 'io_write_bytes', p.last_io_write_bytes,
            'io_read_ops', p.last_io_read_ops, 'io_write_ops', p.last_io_write_ops, 'net_rx_bytes', p.last_net_rx_bytes,
            'net_tx_bytes', p.last_net_tx_bytes, 'net_rx_packets', p.last_net_rx_packets, 'net_tx_packets', p.last_net_tx_packets,
            'oom_kills', p.last_oom_kills, 'net_rx_inside_bytes', p.last_net_rx_inside_bytes,
            'net_tx_inside_bytes', p.last_net_tx_inside_bytes, 'net_rx_outside_bytes', p.last_net_rx_outside_bytes,
            'net_tx_outside_bytes', p.last_net_tx_outside_bytes));

-- Of a day at most: an invoice's line names its hours.
CREATE OR REPLACE FUNCTION croft_usage_evidence_json(v vps, p_from timestamptz, p_to timestamptz) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_to - p_from > interval '25 hours' THEN
        PERFORM croft_raise(422, 'invalid_value', 'Evidence is shown of 25 hours at most.', '/from');
    END IF;
    RETURN (SELECT json_build_object('vps_id', v.id, 'from', p_from, 'to', p_to,
        'parts', coalesce(json_agg(croft_usage_part_json(p) ORDER BY p.hour, p.first_ts, p.part), '[]'))
        FROM (SELECT * FROM usage_parts q WHERE q.vps_id = v.id AND q.hour >= date_trunc('hour', p_from, 'UTC') AND q.hour < p_to
            ORDER BY q.hour, q.first_ts, q.part LIMIT 1000) p);
END
$$;

CREATE OR REPLACE FUNCTION croft_quarantine_json(q usage_quarantine) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', q.id, 'node_id', q.node_id, 'vps_id', q.vps_id, 'boot', q.boot, 'seq', q.seq, 'reason', q.reason,
        'sample', q.sample, 'created_at', q.created_at);
