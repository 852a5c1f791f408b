-- Points for graphs: a ring of partitions by the hour (usage_slots), and what a range of time looks like in at most 500 points.

-- Makes room for the hour that it is and the next one: their partitions still hold what is too old. Emptying one takes no longer
-- however full it is, and waits two seconds at most for who reads it; what was not done is done by the next run.
CREATE OR REPLACE FUNCTION croft_series_roll() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r record;
    v_count int := 0;
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    FOR r IN SELECT g.ring, h.n % g.slots AS slot, to_timestamp(h.n * 3600) AS hour
        FROM (SELECT ring, count(*) AS slots FROM usage_slots GROUP BY ring) g,
            LATERAL (SELECT i + extract(epoch FROM now())::bigint / 3600 AS n FROM generate_series(0, 1) i) h
        ORDER BY h.n, g.ring
    LOOP
        -- The hour only goes on: a clock that was put back empties nothing.
        IF EXISTS (SELECT FROM usage_slots l WHERE l.ring = r.ring AND l.slot = r.slot AND l.hour < r.hour) THEN
            EXECUTE format('TRUNCATE usage_%s_%s', r.ring, r.slot);
            UPDATE usage_slots SET hour = r.hour WHERE ring = r.ring AND slot = r.slot;
            v_count := v_count + 1;
        END IF;
    END LOOP;
    RETURN v_count;
END
$$;

-- Evidence is kept for two years, what was in quarantine for one; a bounded piece goes at once.
CREATE OR REPLACE FUNCTION croft_usage_expire() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_count int;
BEGIN
    DELETE FROM usage_evidence WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_evidence WHERE hour < now() - interval '732 days' LIMIT 2000));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    DELETE FROM usage_quarantine WHERE id IN (SELECT id FROM usage_quarantine WHERE created_at < now() - interval '366 days'
        ORDER BY id LIMIT 500);
    RETURN v_count;
END
$$;

-- The range and its step: named (`range`) or told (`from`, `to`). The smallest step of these that gives at most 500 points and is not
-- finer than what is kept of that time: 10 s for an hour, a minute for two days, an hour for two years.
CREATE OR REPLACE FUNCTION croft_series_range(p_req jsonb, OUT from_ts timestamptz, OUT to_ts timestamptz, OUT step int,
    OUT resolution int) LANGUAGE plpgsql STABLE AS $$
DECLARE
    q jsonb := coalesce(p_req->'query', '{}');
    v_length interval := CASE coalesce(q->>'range', '1h') WHEN '1h' THEN interval '1 hour' WHEN '6h' THEN interval '6 hours'
        WHEN '1d' THEN interval '1 day' WHEN '2d' THEN interval '2 days' WHEN '7d' THEN interval '7 days'
        WHEN '30d' THEN interval '30 days' WHEN '90d' THEN interval '90 days' WHEN '1y' THEN interval '365 days'
        WHEN '2y' THEN interval '730 days' END;
    v_seconds float8;
BEGIN
    IF v_length IS NULL THEN
        PERFORM croft_raise(422, 'invalid_value', 'A range is 1h, 6h, 1d, 2d, 7d, 30d, 90d, 1y or 2y.', '/range');
    ELSIF q ? 'range' AND q ? 'from' THEN
        PERFORM croft_raise(422, 'invalid_value', 'Say range or from, not both.', '/from');
    END IF;
    to_ts := least(coalesce((q->>'to')::timestamptz, now()), now());
    from_ts := coalesce((q->>'from')::timestamptz, to_ts - v_length);
    IF from_ts >= to_ts OR to_ts - from_ts > interval '735 days' THEN
        PERFORM croft_raise(422, 'invalid_value', 'The range ends before it begins or is longer than two years.', '/from');
    END IF;
    v_seconds := extract(epoch FROM to_ts - from_ts);
    resolution := CASE WHEN from_ts >= date_trunc('hour', now(), 'UTC') - interval '2 hours' AND v_seconds <= 3600 THEN 10
        WHEN from_ts >= date_trunc('hour', now(), 'UTC') - interval '49 hours' THEN 60 ELSE 3600 END;
    SELECT min(s) INTO step FROM unnest('{10,20,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400,172800}'::int[]) s
        WHERE s >= resolution AND v_seconds / s <= 499; -- one more where the range begins within a step
    to_ts := to_timestamp(ceil(extract(epoch FROM to_ts) / step) * step);
    from_ts := to_timestamp(floor(extract(epoch FROM from_ts) / step) * step);
EXCEPTION WHEN data_exception THEN
    PERFORM croft_raise(422, 'invalid_value', 'from and to are RFC 3339 times.', '/from');
END
$$;

-- What is known of a vps between two times, each with the seconds that it is true of: rates, and levels.
CREATE OR REPLACE FUNCTION croft_series_points(p_vps uuid, p_from timestamptz, p_to timestamptz, p_resolution int)
RETURNS TABLE (since float8, until float8, amounts float8[]) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_resolution = 3600 THEN
        -- Levels are of as long as they were measured, rates of all the time between the first sample and the last.
        RETURN QUERY SELECT extract(epoch FROM h.hour)::float8,
            extract(epoch FROM CASE WHEN h.hour + interval '1 hour' > now() THEN h.last_ts ELSE h.hour + interval '1 hour' END)::float8,
            ARRAY[h.cpu_ns / 1e9 / s, h.memory_byte_seconds * 1e3 / h.measured_ms, h.memory_anon_byte_seconds * 1e3 / h.measured_ms,
                h.disk_byte_seconds * 1e3 / h.measured_ms, h.io_read_bytes / s, h.io_write_bytes / s, h.io_read_ops / s,
                h.io_write_ops / s, h.net_rx_bytes / s, h.net_tx_bytes / s, h.net_rx_packets / s, h.net_tx_packets / s,
                h.net_rx_inside_bytes / s, h.net_tx_inside_bytes / s, h.net_rx_outside_bytes / s,
                h.net_tx_outside_bytes / s]::float8[]
        FROM usage_hours h, LATERAL (SELECT greatest(h.measured_ms / 1e3, extract(epoch FROM h.last_ts - h.first_ts))::float8) x (s)
        WHERE h.vps_id = p_vps AND h.hour >= date_trunc('hour', p_from, 'UTC') AND h.hour < p_to AND h.measured_ms > 0;
        RETURN;
    END IF;
    RETURN QUERY WITH slots AS (
        SELECT l.ring, array_agg(l.slot) AS list FROM usage_slots l
        WHERE l.hour BETWEEN date_trunc('hour', p_from, 'UTC') AND p_to + interval '15 minutes' GROUP BY l.ring
    ), fine AS (
        SELECT f.ts, f.points FROM usage_fine f WHERE p_resolution = 10 AND f.vps_id = p_vps
            AND f.slot = ANY ((SELECT list FROM slots WHERE ring = 'fine')::int[])
            AND f.ts > p_from AND f.ts < p_to + interval '15 minutes'
    ), numbers AS (
        SELECT extract(epoch FROM f.ts)::float8 AS ts, string_to_array(p.text, ',')::float8[] AS n
        FROM fine f, string_to_table(f.points, ';') p (text) WHERE p.text ~ '^\d{1,18}(,\d{1,18}){17}$'
    )
    SELECT ts - (n[1] + n[2]) / 1000, ts - n[1] / 1000, ARRAY[n[3] / n[2] / 1000, n[4] * 1024, n[5] * 1024, n[6] * 1024]
        || ARRAY(SELECT r * 1000 / n[2] FROM unnest(n[7:18]) r)
    FROM numbers WHERE n[2] > 0
    UNION ALL
    SELECT extract(epoch FROM m.ts)::float8 - m.seconds, extract(epoch FROM m.ts)::float8, ARRAY[m.cpu, m.memory_bytes,
        m.memory_anon_bytes, m.disk_bytes, m.io_read_bytes, m.io_write_bytes, m.io_read_ops, m.io_write_ops, m.net_rx_bytes,
        m.net_tx_bytes, m.net_rx_packets, m.net_tx_packets, m.net_rx_inside_bytes, m.net_tx_inside_bytes, m.net_rx_outside_bytes,
        m.net_tx_outside_bytes]::float8[]
    FROM usage_minutes m WHERE m.vps_id = p_vps AND m.slot = ANY ((SELECT list FROM slots WHERE ring = 'minutes')::int[])
        AND m.ts > p_from AND m.ts < p_to + interval '15 minutes' AND NOT EXISTS (SELECT FROM fine f WHERE f.ts = m.ts);
END
$$;

-- A step shows the mean of what is known of it, weighed by how long; null where nothing is. Nothing is drawn across a gap.
CREATE OR REPLACE FUNCTION croft_series_json(v vps, p_from timestamptz, p_to timestamptz, p_step int, p_resolution int) RETURNS json
LANGUAGE sql STABLE AS $$
    WITH weighed AS (
        SELECT k.n, sum(w.s) AS s, ARRAY[sum(p.amounts[1] * w.s), sum(p.amounts[2] * w.s), sum(p.amounts[3] * w.s), sum(p.amounts[4] * w.s), sum(p.amounts[5] * w.s), sum(p.amounts[6] * w.s), 
            sum(p.amounts[7] * w.s), sum(p.amounts[8] * w.s), sum(p.amounts[9] * w.s), sum(p.amounts[10] * w.s), sum(p.amounts[11] * w.s), 
            sum(p.amounts[12] * w.s), sum(p.amounts[13] * w.s), sum(p.amounts[14] * w.s), sum(p.amounts[15] * w.s), sum(p.amounts[16] * w.s)] AS a
        FROM croft_series_points(v.id, p_from, p_to, p_resolution) p,
            LATERAL generate_series(floor(greatest(p.since, extract(epoch FROM p_from)) / p_step)::bigint,
                ceil(least(p.until, extract(epoch FROM p_to)) / p_step)::bigint - 1) k (n),
            LATERAL (SELECT least(p.until, (k.n + 1) * p_step) - greatest(p.since, k.n * p_step)) w (s)
        WHERE w.s > 0 GROUP BY k.n
    ), b AS (
        SELECT n, ARRAY(SELECT x / s FROM unnest(a) WITH ORDINALITY u (x, i) ORDER BY i) AS a FROM weighed
    )
    SELECT json_build_object('vps_id', v.id, 'from', p_from, 'to', p_to, 'step_s', p_step, 'resolution_s', p_resolution,
        'vcpus', v.vcpus, 'memory_limit_bytes', v.memory_bytes, 'disk_limit_bytes', v.disk_bytes,
        'points', json_build_object('t', json_agg(g.n * p_step ORDER BY g.n),
            'cpu', json_agg(round((b.a[1])::numeric, 4) ORDER BY g.n),
            'memory_bytes', json_agg(round((b.a[2])::numeric, 0) ORDER BY g.n),
            'memory_anon_bytes', json_agg(round((b.a[3])::numeric, 0) ORDER BY g.n),
            'disk_bytes', json_agg(round((b.a[4])::numeric, 0) ORDER BY g.n),
            'io_read_bytes', json_agg(round((b.a[5])::numeric, 0) ORDER BY g.n),
            'io_write_bytes', json_agg(round((b.a[6])::numeric, 0) ORDER BY g.n),
            'io_read_ops', json_agg(round((b.a[7])::numeric, 2) ORDER BY g.n),
            'io_write_ops', json_agg(round((b.a[8])::numeric, 2) ORDER BY g.n),
            'net_rx_bytes', json_agg(round((b.a[9])::numeric, 0) ORDER BY g.n),
            'net_tx_bytes', json_agg(round((b.a[10])::numeric, 0) ORDER BY g.n),
            'net_rx_packets', json_agg(round((b.a[11])::numeric, 2) ORDER BY g.n),
            'net_tx_packets', json_agg(round((b.a[12])::numeric, 2) ORDER BY g.n),
            'net_rx_inside_bytes', json_agg(round((b.a[13])::numeric, 0) ORDER BY g.n),
            'net_tx_inside_bytes', json_agg(round((b.a[14])::numeric, 0) ORDER BY g.n),
            'net_rx_outside_bytes', json_agg(round((b.a[15])::numeric, 0) ORDER BY g.n),
            'net_tx_outside_bytes', json_agg(round((b.a[16])::numeric, 0) ORDER BY g.n)))
    FROM generate_series(floor(extract(epoch FROM p_from) / p_step)::bigint, ceil(extract(epoch FROM p_to) / p_step)::bigint - 1) g (n)
    LEFT JOIN b ON b.n = g.n
$$;
