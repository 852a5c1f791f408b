-- Samples that cannot be true: counters that fell or rose faster than the machine can, levels above it, times that went back, vps of
-- another node. They are kept aside, told, and not counted; their place in the sequence is a gap.

-- The watermark keeps its counters, and the sample is its suspect. Does the next one go on from the watermark, the suspect was a slip, and nothing is
-- lost: counters are absolute. Does it go on from the suspect, counting begins anew there, and what lies between is
-- not counted. Does it neither, it is the suspect.
CREATE OR REPLACE FUNCTION croft_usage_anew(m usage_marks) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x usage_sample := jsonb_populate_record(NULL::usage_sample, m.suspect);
BEGIN
    INSERT INTO usage_evidence SELECT * FROM usage_open o WHERE o.vps_id = m.vps_id AND o.boot = m.boot;
    UPDATE usage_marks SET part = m.part + 1, anew = true, samples = 0, suspect = NULL, first_seq = x.seq, seq = x.seq, first_ts = m.ts,
        mono_ns = x.mono_ns,
        first_cpu_ns = x.cpu_ns, cpu_ns = x.cpu_ns, first_io_read_bytes = x.io_read_bytes, io_read_bytes = x.io_read_bytes,
        first_io_write_bytes = x.io_write_bytes, io_write_bytes = x.io_write_bytes, first_io_read_ops = x.io_read_ops, io_read_ops = x.io_read_ops,
        first_io_write_ops = x.io_write_ops, io_write_ops = x.io_write_ops, first_net_rx_bytes = x.net_rx_bytes, net_rx_bytes = x.net_rx_bytes,
        first_net_tx_bytes = x.net_tx_bytes, net_tx_bytes = x.net_tx_bytes,
        first_net_rx_packets = x.net_rx_packets, net_rx_packets = x.net_rx_packets,
        first_net_tx_packets = x.net_tx_packets, net_tx_packets = x.net_tx_packets, first_oom_kills = x.oom_kills, oom_kills = x.oom_kills,
        first_net_rx_inside_bytes = x.net_rx_inside_bytes, net_rx_inside_bytes = x.net_rx_inside_bytes,
        first_net_tx_inside_bytes = x.net_tx_inside_bytes, net_tx_inside_bytes = x.net_tx_inside_bytes,
        first_net_rx_outside_bytes = x.net_rx_outside_bytes, net_rx_outside_bytes = x.net_rx_outside_bytes,
        first_net_tx_outside_bytes = x.net_tx_outside_bytes, net_tx_outside_bytes = x.net_tx_outside_bytes,
        net_gaps = x.net_gaps, measured_ms = 0, memory_byte_seconds = 0, memory_anon_byte_seconds = 0, disk_byte_seconds = 0
    WHERE vps_id = m.vps_id AND boot = m.boot;
END
$$;

-- Whether it counts from the suspect on. If not, nothing of the attempt stays.
CREATE OR REPLACE FUNCTION croft_usage_retry(p_node uuid, x usage_sample, p_offset bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    m usage_marks;
    r record;
BEGIN
    SELECT * INTO m FROM usage_marks WHERE vps_id = x.vps_id AND boot = x.boot;
    IF m.suspect IS NULL THEN
        RETURN false;
    END IF;
    PERFORM croft_usage_anew(m);
    SELECT * INTO r FROM croft_usage_round(p_node, ARRAY[x], x.round, p_offset);
    IF r.stored = 0 THEN
        RAISE EXCEPTION 'neither' USING ERRCODE = 'CR000';
    END IF;
    RETURN true;
EXCEPTION WHEN SQLSTATE 'CR000' THEN
    RETURN false;
END
$$;

-- At most a hundred of a boot are kept, and the first of a row of them is an event.
CREATE OR REPLACE FUNCTION croft_usage_quarantine(p_node uuid, x usage_sample, p_reason text, p_told boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_kept bigint := (SELECT count(*) FROM usage_quarantine WHERE node_id = p_node AND vps_id = x.vps_id AND boot = x.boot);
BEGIN
    IF v_kept < 100 THEN
        INSERT INTO usage_quarantine (node_id, vps_id, boot, seq, reason, sample)
        VALUES (p_node, x.vps_id, x.boot, x.seq, p_reason, to_jsonb(x) - '{round,fine}'::text[]) ON CONFLICT DO NOTHING;
    END IF;
    IF NOT p_told AND NOT (p_reason = 'foreign' AND v_kept > 0) THEN
        PERFORM croft_event('usage.quarantined', NULL, 'node', p_node,
            jsonb_build_object('vps_id', x.vps_id, 'boot', x.boot, 'seq', x.seq, 'reason', p_reason));
    END IF;
END
$$;

-- How many more of a node's are kept and told within this hour: whoever has its key can make up as many as it likes.
CREATE OR REPLACE FUNCTION croft_usage_doubts_left(p_node uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT 10000 - count(*) FROM (SELECT FROM usage_quarantine q WHERE q.node_id = p_node
        AND q.id >= rpad(lpad(to_hex((extract(epoch FROM now() - interval '1 hour') * 1000)::bigint), 12, '0'), 32, '0')::uuid LIMIT 10000) q
$$;

-- Of a round that was counted, those that were not. Returns how many of them count after all.
CREATE OR REPLACE FUNCTION croft_usage_doubt(p_node uuid, s usage_sample[], p_round bigint, p_offset bigint, p_doubtful jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    d record;
    x usage_sample;
    m usage_marks;
    v_stored bigint := 0;
    v_left bigint := croft_usage_doubts_left(p_node);
BEGIN
    FOR d IN SELECT * FROM jsonb_to_recordset(p_doubtful) q (vps uuid, boot uuid, seq bigint, reason text, at timestamptz)
        ORDER BY q.vps, q.boot
    LOOP
        SELECT y.* INTO x FROM unnest(s) y WHERE y.vps_id = d.vps AND y.boot = d.boot AND y.seq = d.seq AND y.round = p_round;
        IF d.reason <> 'foreign' AND croft_usage_retry(p_node, x, p_offset) THEN
            v_stored := v_stored + 1;
            CONTINUE;
        END IF;
        SELECT * INTO m FROM usage_marks WHERE vps_id = d.vps AND boot = d.boot;
        IF v_left > 0 THEN
            PERFORM croft_usage_quarantine(p_node, x, d.reason, m.suspect IS NOT NULL);
            v_left := v_left - 1;
        END IF;
        CONTINUE WHEN d.reason = 'foreign';
        INSERT INTO usage_gaps (vps_id, boot, from_seq, to_seq, reason, ts) VALUES (d.vps, d.boot, d.seq, d.seq, 'quarantined', d.at)
            ON CONFLICT DO NOTHING;
        IF d.seq > coalesce(m.seq, 0) + 1 THEN
            INSERT INTO usage_gaps (vps_id, boot, from_seq, to_seq, reason, ts)
                VALUES (d.vps, d.boot, coalesce(m.seq, 0) + 1, d.seq - 1, 'missing', d.at) ON CONFLICT DO NOTHING;
        END IF;
        INSERT INTO usage_marks (vps_id, boot, tenant_id, hour, samples, first_seq, seq, first_ts, ts, mono_ns,
            first_cpu_ns, cpu_ns, first_io_read_bytes, io_read_bytes, first_io_write_bytes, io_write_bytes, first_io_read_ops, io_read_ops,
            first_io_write_ops, io_write_ops, first_net_rx_bytes, net_rx_bytes, first_net_tx_bytes, net_tx_bytes,
            first_net_rx_packets, net_rx_packets, first_net_tx_packets, net_tx_packets, first_oom_kills, oom_kills,
            first_net_rx_inside_bytes, net_rx_inside_bytes, first_net_tx_inside_bytes, net_tx_inside_bytes,
            first_net_rx_outside_bytes, net_rx_outside_bytes, first_net_tx_outside_bytes, net_tx_outside_bytes,
            net_gaps, memory_bytes, memory_anon_bytes, disk_bytes, pids, measured_ms, memory_byte_seconds, memory_anon_byte_seconds,
            disk_byte_seconds, suspect)
        SELECT d.vps, d.boot, v.tenant_id, date_trunc('hour', d.at, 'UTC'), 0, 0, d.seq, d.at, d.at, x.mono_ns,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, to_jsonb(x) - 'fine'
        FROM vps v WHERE v.id = d.vps
        ON CONFLICT (vps_id, boot) DO UPDATE SET seq = excluded.seq, suspect = excluded.suspect;
    END LOOP;
    RETURN v_stored;
END
$$;

-- What was put aside in the last day, for /metrics: by node and reason. Ids are of their time, so that no more than that is read.
CREATE OR REPLACE FUNCTION croft_metrics() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT string_agg(format(E'croft_usage_quarantined_day{node="%s",reason="%s"} %s\n', q.node_id, q.reason, q.count), '' ORDER BY q.node_id, q.reason)
    FROM (SELECT q.node_id, q.reason, count(*) FROM usage_quarantine q
        WHERE q.id >= rpad(lpad(to_hex((extract(epoch FROM now() - interval '1 day') * 1000)::bigint), 12, '0'), 32, '0')::uuid
        GROUP BY q.node_id, q.reason) q
$$;
