-- Usage, counted exactly once: absolute counters against a watermark for each (vps, boot).

-- The samples of a batch as rows. A node whose clock is ahead is counted by ours: refusing would cut it off. Counters and levels are bounded so that no sum of them overflows.
CREATE OR REPLACE FUNCTION croft_usage_samples(p_samples jsonb) RETURNS SETOF usage_marks LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT s.vps, s.boot, s.seq, least(s.ts, now()), s.mono_ns, s.cpu_ns, s.io_read_bytes, s.io_write_bytes, s.io_read_ops,
            s.io_write_ops, s.net_rx_bytes, s.net_tx_bytes, s.net_rx_packets, s.net_tx_packets, s.oom_kills,
            s.memory_bytes, s.memory_anon_bytes, s.disk_bytes, s.pids, coalesce(s.net_rx_inside_bytes, 0), coalesce(s.net_tx_inside_bytes, 0),
            coalesce(s.net_rx_outside_bytes, 0), coalesce(s.net_tx_outside_bytes, 0), coalesce(s.net_gaps, 0)
        FROM jsonb_to_recordset(p_samples) s (vps uuid, boot uuid, seq bigint, ts timestamptz, mono_ns bigint, cpu_ns bigint,
            io_read_bytes bigint, io_write_bytes bigint, io_read_ops bigint, io_write_ops bigint, net_rx_bytes bigint,
            net_tx_bytes bigint, net_rx_packets bigint, net_tx_packets bigint, oom_kills bigint, memory_bytes bigint,
            memory_anon_bytes bigint, disk_bytes bigint, pids bigint, net_rx_inside_bytes bigint, net_tx_inside_bytes bigint,
            net_rx_outside_bytes bigint, net_tx_outside_bytes bigint, net_gaps bigint);
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The usage batch is malformed.');
END
$$;

-- A batch with one impossible sample is refused whole.
CREATE OR REPLACE FUNCTION croft_usage_check(s usage_marks[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(s) x WHERE num_nulls(x.vps_id, x.boot, x.seq, x.ts, x.mono_ns, x.cpu_ns,
                x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops, x.net_rx_bytes, x.net_tx_bytes,
                x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes, x.memory_anon_bytes, x.disk_bytes, x.pids) > 0
            OR NOT (x.seq >= 1 AND least(x.mono_ns, x.cpu_ns, x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops,
                x.net_rx_bytes, x.net_tx_bytes, x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes,
                x.memory_anon_bytes, x.disk_bytes, x.pids, x.net_rx_inside_bytes, x.net_tx_inside_bytes, x.net_rx_outside_bytes,
                x.net_tx_outside_bytes, x.net_gaps) >= 0
            AND greatest(x.seq, x.cpu_ns, x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops, x.net_rx_bytes,
                x.net_tx_bytes, x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes, x.memory_anon_bytes,
                x.disk_bytes, x.pids, x.net_rx_inside_bytes, x.net_tx_inside_bytes, x.net_rx_outside_bytes, x.net_tx_outside_bytes,
                x.net_gaps) < 1::bigint << 60)) THEN
        PERFORM croft_protocol_error('A usage sample is incomplete, negative or out of range.');
    END IF;
END
$$;

-- One statement over the batch: what is new of each (vps, boot) beyond its watermark, its delta to the highest value before it,
-- sums by hour, gaps. Levels count for the time since the sample before, if none is missing between.
-- Of a boot that is new, counters start at zero. Returns the samples that counted; croft_usage_mark() follows.
CREATE OR REPLACE FUNCTION croft_usage_count(p_node uuid, s usage_marks[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_stored bigint;
BEGIN
    WITH fresh AS (
        SELECT DISTINCT ON (x.vps_id, x.boot, x.seq) x.*, v.tenant_id, m.seq AS m_seq, m.mono_ns AS m_mono,
            m.cpu_ns AS m_cpu, m.io_read_bytes AS m_ir, m.io_write_bytes AS m_iw, m.io_read_ops AS m_iro, m.io_write_ops AS m_iwo,
            m.net_rx_bytes AS m_rx, m.net_tx_bytes AS m_tx, m.net_rx_packets AS m_rxp, m.net_tx_packets AS m_txp, m.oom_kills AS m_oom,
            m.net_rx_inside_bytes AS m_rxi, m.net_tx_inside_bytes AS m_txi, m.net_rx_outside_bytes AS m_rxo,
            m.net_tx_outside_bytes AS m_txo, m.net_gaps AS m_gaps
        FROM unnest(s) x
        JOIN vps v ON v.id = x.vps_id AND v.node_id = p_node
        LEFT JOIN usage_marks m ON m.vps_id = x.vps_id AND m.boot = x.boot
        WHERE x.seq > coalesce(m.seq, 0)
        ORDER BY x.vps_id, x.boot, x.seq
    ), ranked AS (
        SELECT f.*, coalesce(lag(f.seq) OVER w, f.m_seq, 0) AS p_seq, coalesce(lag(f.mono_ns) OVER w, f.m_mono) AS p_mono,
            greatest(max(f.cpu_ns) OVER before, f.m_cpu, 0) AS p_cpu,
            greatest(max(f.io_read_bytes) OVER before, f.m_ir, 0) AS p_ir, greatest(max(f.io_write_bytes) OVER before, f.m_iw, 0) AS p_iw,
            greatest(max(f.io_read_ops) OVER before, f.m_iro, 0) AS p_iro, greatest(max(f.io_write_ops) OVER before, f.m_iwo, 0) AS p_iwo,
            greatest(max(f.net_rx_bytes) OVER before, f.m_rx, 0) AS p_rx, greatest(max(f.net_tx_bytes) OVER before, f.m_tx, 0) AS p_tx,
            greatest(max(f.net_rx_packets) OVER before, f.m_rxp, 0) AS p_rxp, greatest(max(f.net_tx_packets) OVER before, f.m_txp, 0) AS p_txp,
            greatest(max(f.oom_kills) OVER before, f.m_oom, 0) AS p_oom,
            greatest(max(f.net_rx_inside_bytes) OVER before, f.m_rxi, 0) AS p_rxi,
            greatest(max(f.net_tx_inside_bytes) OVER before, f.m_txi, 0) AS p_txi,
            greatest(max(f.net_rx_outside_bytes) OVER before, f.m_rxo, 0) AS p_rxo,
            greatest(max(f.net_tx_outside_bytes) OVER before, f.m_txo, 0) AS p_txo, greatest(max(f.net_gaps) OVER before, f.m_gaps, 0) AS p_gaps
        FROM fresh f
        WINDOW w AS (PARTITION BY f.vps_id, f.boot ORDER BY f.seq),
            before AS (PARTITION BY f.vps_id, f.boot ORDER BY f.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), delta AS (
        SELECT r.*, CASE WHEN r.seq = r.p_seq + 1 AND r.p_mono IS NOT NULL
            THEN greatest(r.mono_ns - r.p_mono, 0)::numeric / 1000000000 ELSE 0 END AS seconds
        FROM ranked r
    ), hours AS (
        INSERT INTO usage_hours AS h (vps_id, hour, tenant_id, samples, cpu_ns, io_read_bytes, io_write_bytes, io_read_ops,
            io_write_ops, net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets, oom_kills, memory_byte_seconds,
            memory_anon_byte_seconds, disk_byte_seconds, first_ts, last_ts, net_rx_inside_bytes, net_tx_inside_bytes,
            net_rx_outside_bytes, net_tx_outside_bytes)
        SELECT d.vps_id, date_trunc('hour', d.ts, 'UTC'), d.tenant_id, count(*), sum(greatest(d.cpu_ns - d.p_cpu, 0)),
            sum(greatest(d.io_read_bytes - d.p_ir, 0)), sum(greatest(d.io_write_bytes - d.p_iw, 0)),
            sum(greatest(d.io_read_ops - d.p_iro, 0)), sum(greatest(d.io_write_ops - d.p_iwo, 0)),
            sum(greatest(d.net_rx_bytes - d.p_rx, 0)), sum(greatest(d.net_tx_bytes - d.p_tx, 0)),
            sum(greatest(d.net_rx_packets - d.p_rxp, 0)), sum(greatest(d.net_tx_packets - d.p_txp, 0)), sum(greatest(d.oom_kills - d.p_oom, 0)),
            sum(round(d.memory_bytes * d.seconds)), sum(round(d.memory_anon_bytes * d.seconds)),
            sum(round(d.disk_bytes * d.seconds)), min(d.ts), max(d.ts),
            sum(greatest(d.net_rx_inside_bytes - d.p_rxi, 0)), sum(greatest(d.net_tx_inside_bytes - d.p_txi, 0)),
            sum(greatest(d.net_rx_outside_bytes - d.p_rxo, 0)), sum(greatest(d.net_tx_outside_bytes - d.p_txo, 0))
        FROM delta d GROUP BY d.vps_id, date_trunc('hour', d.ts, 'UTC'), d.tenant_id ORDER BY 1, 2
        ON CONFLICT (vps_id, hour) DO UPDATE SET samples = h.samples + excluded.samples, cpu_ns = h.cpu_ns + excluded.cpu_ns,
            io_read_bytes = h.io_read_bytes + excluded.io_read_bytes, io_write_bytes = h.io_write_bytes + excluded.io_write_bytes,
            io_read_ops = h.io_read_ops + excluded.io_read_ops, io_write_ops = h.io_write_ops + excluded.io_write_ops,
            net_rx_bytes = h.net_rx_bytes + excluded.net_rx_bytes, net_tx_bytes = h.net_tx_bytes + excluded.net_tx_bytes,
            net_rx_packets = h.net_rx_packets + excluded.net_rx_packets, oom_kills = h.oom_kills + excluded.oom_kills,
            net_tx_packets = h.net_tx_packets + excluded.net_tx_packets,
            net_rx_inside_bytes = h.net_rx_inside_bytes + excluded.net_rx_inside_bytes,
            net_tx_inside_bytes = h.net_tx_inside_bytes + excluded.net_tx_inside_bytes,
            net_rx_outside_bytes = h.net_rx_outside_bytes + excluded.net_rx_outside_bytes,
            net_tx_outside_bytes = h.net_tx_outside_bytes + excluded.net_tx_outside_bytes,
            memory_byte_seconds = h.memory_byte_seconds + excluded.memory_byte_seconds,
            memory_anon_byte_seconds = h.memory_anon_byte_seconds + excluded.memory_anon_byte_seconds,
            disk_byte_seconds = h.disk_byte_seconds + excluded.disk_byte_seconds,
            first_ts = least(h.first_ts, excluded.first_ts), last_ts = greatest(h.last_ts, excluded.last_ts)
    ), gaps AS (
        INSERT INTO usage_gaps (vps_id, boot, from_seq, to_seq, reason, ts)
        SELECT d.vps_id, d.boot, d.p_seq + 1, d.seq - 1, 'missing', d.ts FROM delta d WHERE d.seq > d.p_seq + 1
        UNION ALL
        SELECT d.vps_id, d.boot, d.seq, d.seq, 'backwards', d.ts FROM delta d
        WHERE d.cpu_ns < d.p_cpu OR d.io_read_bytes < d.p_ir OR d.io_write_bytes < d.p_iw OR d.io_read_ops < d.p_iro
            OR d.io_write_ops < d.p_iwo OR d.net_rx_bytes < d.p_rx OR d.net_tx_bytes < d.p_tx
            OR d.net_rx_packets < d.p_rxp OR d.net_tx_packets < d.p_txp OR d.oom_kills < d.p_oom
            OR d.net_rx_inside_bytes < d.p_rxi OR d.net_tx_inside_bytes < d.p_txi
            OR d.net_rx_outside_bytes < d.p_rxo OR d.net_tx_outside_bytes < d.p_txo OR d.net_gaps < d.p_gaps
        UNION ALL
        SELECT d.vps_id, d.boot, d.seq, d.seq, 'unclassed', d.ts FROM delta d WHERE d.net_gaps > d.p_gaps
        ON CONFLICT DO NOTHING
    )
    SELECT count(*) INTO v_stored FROM delta;
    RETURN v_stored;
END
$$;

-- Moves the watermark of each (vps, boot) to the last sample of the batch, counters to the highest.
CREATE OR REPLACE FUNCTION croft_usage_mark(p_node uuid, s usage_marks[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_marks AS m
    SELECT DISTINCT ON (x.vps_id, x.boot) x.vps_id, x.boot, x.seq, x.ts, x.mono_ns, max(x.cpu_ns) OVER w, max(x.io_read_bytes) OVER w,
        max(x.io_write_bytes) OVER w, max(x.io_read_ops) OVER w, max(x.io_write_ops) OVER w, max(x.net_rx_bytes) OVER w,
        max(x.net_tx_bytes) OVER w, max(x.net_rx_packets) OVER w, max(x.net_tx_packets) OVER w, max(x.oom_kills) OVER w,
        x.memory_bytes, x.memory_anon_bytes, x.disk_bytes, x.pids, max(x.net_rx_inside_bytes) OVER w, max(x.net_tx_inside_bytes) OVER w,
        max(x.net_rx_outside_bytes) OVER w, max(x.net_tx_outside_bytes) OVER w, max(x.net_gaps) OVER w
    FROM unnest(s) x
    JOIN vps v ON v.id = x.vps_id AND v.node_id = p_node
    LEFT JOIN usage_marks k ON k.vps_id = x.vps_id AND k.boot = x.boot
    WHERE x.seq > coalesce(k.seq, 0)
    WINDOW w AS (PARTITION BY x.vps_id, x.boot)
    ORDER BY x.vps_id, x.boot, x.seq DESC
    ON CONFLICT (vps_id, boot) DO UPDATE SET seq = excluded.seq, ts = excluded.ts, mono_ns = excluded.mono_ns,
        cpu_ns = greatest(m.cpu_ns, excluded.cpu_ns), io_read_bytes = greatest(m.io_read_bytes, excluded.io_read_bytes),
        io_write_bytes = greatest(m.io_write_bytes, excluded.io_write_bytes), io_read_ops = greatest(m.io_read_ops, excluded.io_read_ops),
        io_write_ops = greatest(m.io_write_ops, excluded.io_write_ops), net_rx_bytes = greatest(m.net_rx_bytes, excluded.net_rx_bytes),
        net_tx_bytes = greatest(m.net_tx_bytes, excluded.net_tx_bytes), net_rx_packets = greatest(m.net_rx_packets, excluded.net_rx_packets),
        net_tx_packets = greatest(m.net_tx_packets, excluded.net_tx_packets), oom_kills = greatest(m.oom_kills, excluded.oom_kills),
        memory_bytes = excluded.memory_bytes, memory_anon_bytes = excluded.memory_anon_bytes, disk_bytes = excluded.disk_bytes,
        pids = excluded.pids, net_rx_inside_bytes = greatest(m.net_rx_inside_bytes, excluded.net_rx_inside_bytes),
        net_tx_inside_bytes = greatest(m.net_tx_inside_bytes, excluded.net_tx_inside_bytes),
        net_rx_outside_bytes = greatest(m.net_rx_outside_bytes, excluded.net_rx_outside_bytes),
        net_tx_outside_bytes = greatest(m.net_tx_outside_bytes, excluded.net_tx_outside_bytes),
        net_gaps = greatest(m.net_gaps, excluded.net_gaps)
$$;

-- The node's row is locked, not shared: two batches over one link are counted one after the other.
CREATE OR REPLACE FUNCTION croft_node_usage(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s usage_marks[];
    v_stored bigint;
BEGIN
    IF p_node IS DISTINCT FROM croft_node_id() THEN
        PERFORM croft_raise(403, 'forbidden', 'This is another node.');
    END IF;
    PERFORM FROM node_status WHERE node_id = p_node AND epoch = p_epoch FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'The link is superseded by a newer one.');
    END IF;
    IF jsonb_typeof(p_message->'samples') IS DISTINCT FROM 'array' THEN
        PERFORM croft_protocol_error('The usage batch has no samples.');
    END IF;
    s := ARRAY(SELECT x FROM croft_usage_samples(p_message->'samples') x);
    PERFORM croft_usage_check(s);
    v_stored := croft_usage_count(p_node, s);
    PERFORM croft_usage_mark(p_node, s);
    RETURN jsonb_build_object('type', 'usage_ack', 'batch', p_message->'batch', 'stored', v_stored,
        'ignored', cardinality(s) - v_stored);
END
$$;

-- The range that a request asks for: whole hours of UTC, the last day unless told.
CREATE OR REPLACE FUNCTION croft_usage_range(p_req jsonb, OUT from_ts timestamptz, OUT to_ts timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    to_ts := coalesce((p_req->'query'->>'to')::timestamptz, now());
    from_ts := coalesce((p_req->'query'->>'from')::timestamptz, to_ts - interval '1 day');
    IF from_ts > to_ts OR to_ts - from_ts > interval '400 days' THEN
        PERFORM croft_raise(422, 'invalid_value', 'The range ends before it begins or is longer than 400 days.', '/from');
    END IF;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_raise(422, 'invalid_value', 'from and to are RFC 3339 times.', '/from');
END
$$;

CREATE OR REPLACE FUNCTION croft_usage_hour_json(h usage_hours) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('hour', h.hour, 'samples', h.samples, 'cpu_ns', h.cpu_ns,
        'memory_byte_seconds', h.memory_byte_seconds, 'disk_byte_seconds', h.disk_byte_seconds,
        'net_rx_bytes', h.net_rx_bytes, 'net_tx_bytes', h.net_tx_bytes,
        'net_rx_inside_bytes', h.net_rx_inside_bytes, 'net_tx_inside_bytes', h.net_tx_inside_bytes,
        'net_rx_outside_bytes', h.net_rx_outside_bytes, 'net_tx_outside_bytes', h.net_tx_outside_bytes,
        'io_read_bytes', h.io_read_bytes, 'io_write_bytes', h.io_write_bytes);

CREATE OR REPLACE FUNCTION croft_usage_last_json(p_vps uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('ts', m.ts, 'boot', m.boot, 'seq', m.seq, 'cpu_ns', m.cpu_ns, 'memory_bytes', m.memory_bytes,
        'memory_anon_bytes', m.memory_anon_bytes, 'disk_bytes', m.disk_bytes, 'net_rx_bytes', m.net_rx_bytes,
        'net_tx_bytes', m.net_tx_bytes, 'io_read_bytes', m.io_read_bytes, 'io_write_bytes', m.io_write_bytes,
        'net_rx_inside_bytes', m.net_rx_inside_bytes, 'net_tx_inside_bytes', m.net_tx_inside_bytes,
        'net_rx_outside_bytes', m.net_rx_outside_bytes, 'net_tx_outside_bytes', m.net_tx_outside_bytes,
        'pids', m.pids, 'oom_kills', m.oom_kills)
    FROM usage_marks m WHERE m.vps_id = p_vps ORDER BY m.ts DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION croft_usage_json(v vps, p_from timestamptz, p_to timestamptz) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('vps_id', v.id, 'from', p_from, 'to', p_to,
        'cpu_ns', coalesce(sum(h.cpu_ns), 0), 'memory_byte_seconds', coalesce(sum(h.memory_byte_seconds), 0),
        'disk_byte_seconds', coalesce(sum(h.disk_byte_seconds), 0), 'net_rx_bytes', coalesce(sum(h.net_rx_bytes), 0),
        'net_tx_bytes', coalesce(sum(h.net_tx_bytes), 0), 'io_read_bytes', coalesce(sum(h.io_read_bytes), 0),
        'io_write_bytes', coalesce(sum(h.io_write_bytes), 0), 'last', croft_usage_last_json(v.id),
        'net_rx_inside_bytes', coalesce(sum(h.net_rx_inside_bytes), 0),
        'net_tx_inside_bytes', coalesce(sum(h.net_tx_inside_bytes), 0),
        'net_rx_outside_bytes', coalesce(sum(h.net_rx_outside_bytes), 0),
        'net_tx_outside_bytes', coalesce(sum(h.net_tx_outside_bytes), 0),
        'gaps', (SELECT count(*) FROM usage_gaps g WHERE g.vps_id = v.id AND g.ts >= p_from AND g.ts < p_to),
        'hours', coalesce(json_agg(croft_usage_hour_json(h) ORDER BY h.hour), '[]'))
    FROM usage_hours h
    WHERE h.vps_id = v.id AND h.hour >= date_trunc('hour', p_from, 'UTC') AND h.hour < p_to
$$;
