-- What was counted, as the API shows it.

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
        'gaps', (SELECT count(*) FROM usage_gaps g WHERE g.vps_id = v.id AND g.ts >= p_from AND g.ts <= p_to),
        'hours', coalesce(json_agg(croft_usage_hour_json(h) ORDER BY h.hour), '[]'))
    FROM usage_hours h
    WHERE h.vps_id = v.id AND h.hour >= date_trunc('hour', p_from, 'UTC') AND h.hour < p_to
$$;
