-- Usage, counted exactly once: absolute counters against a watermark for each (vps, boot). docs/billing.md says the rules.

-- The samples of a batch, each boot's in rounds by seq. A boot is known at most once to an agent's report: many are a mistake.
CREATE OR REPLACE FUNCTION croft_usage_samples(p_samples jsonb) RETURNS usage_sample[] LANGUAGE plpgsql AS $$
DECLARE
    s usage_sample[];
BEGIN
    s := ARRAY(SELECT (row_number() OVER (PARTITION BY s.vps, s.boot ORDER BY s.seq), s.vps, s.boot, s.seq, s.ts, s.mono_ns,
            s.cpu_ns, s.io_read_bytes, s.io_write_bytes, s.io_read_ops, s.io_write_ops, s.net_rx_bytes, s.net_tx_bytes,
            s.net_rx_packets, s.net_tx_packets, s.oom_kills, s.memory_bytes, s.memory_anon_bytes, s.disk_bytes, s.pids,
            coalesce(s.net_rx_inside_bytes, 0), coalesce(s.net_tx_inside_bytes, 0), coalesce(s.net_rx_outside_bytes, 0),
            coalesce(s.net_tx_outside_bytes, 0), coalesce(s.net_gaps, 0), s.fine)::usage_sample
        FROM jsonb_to_recordset(p_samples) s (vps uuid, boot uuid, seq bigint, ts timestamptz, mono_ns bigint, cpu_ns bigint,
            io_read_bytes bigint, io_write_bytes bigint, io_read_ops bigint, io_write_ops bigint, net_rx_bytes bigint,
            net_tx_bytes bigint, net_rx_packets bigint, net_tx_packets bigint, oom_kills bigint, memory_bytes bigint,
            memory_anon_bytes bigint, disk_bytes bigint, pids bigint, net_rx_inside_bytes bigint, net_tx_inside_bytes bigint,
            net_rx_outside_bytes bigint, net_tx_outside_bytes bigint, net_gaps bigint, fine text));
    IF EXISTS (SELECT FROM unnest(s) x WHERE x.round > 64) THEN
        PERFORM croft_protocol_error('A usage batch has more than 64 samples of one boot.');
    END IF;
    RETURN s;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The usage batch is malformed.');
END
$$;

-- A batch with one impossible sample is refused whole. Counters and levels are bounded so that no sum of them overflows.
CREATE OR REPLACE FUNCTION croft_usage_check(s usage_sample[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(s) x WHERE num_nulls(x.vps_id, x.boot, x.seq, x.ts, x.mono_ns, x.cpu_ns,
                x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops, x.net_rx_bytes, x.net_tx_bytes,
                x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes, x.memory_anon_bytes, x.disk_bytes, x.pids) > 0
            OR NOT (x.seq >= 1 AND least(x.mono_ns, x.cpu_ns, x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops,
                x.net_rx_bytes, x.net_tx_bytes, x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes,
                x.memory_anon_bytes, x.disk_bytes, x.pids, x.net_rx_inside_bytes, x.net_tx_inside_bytes, x.net_rx_outside_bytes,
                x.net_tx_outside_bytes, x.net_gaps) >= 0
            AND greatest(x.seq, x.mono_ns, x.cpu_ns, x.io_read_bytes, x.io_write_bytes, x.io_read_ops, x.io_write_ops, x.net_rx_bytes,
                x.net_tx_bytes, x.net_rx_packets, x.net_tx_packets, x.oom_kills, x.memory_bytes, x.memory_anon_bytes,
                x.disk_bytes, x.pids, x.net_rx_inside_bytes, x.net_tx_inside_bytes, x.net_rx_outside_bytes, x.net_tx_outside_bytes,
                x.net_gaps) < 1::bigint << 60 AND coalesce(length(x.fine), 0) <= 8192)) THEN
        PERFORM croft_protocol_error('A usage sample is incomplete, negative or out of range.');
    END IF;
END
$$;

-- What a node can have done, by the second: processors, bytes of its guests' devices and disks. 0: nobody knows.
CREATE OR REPLACE FUNCTION croft_usage_ceiling(p_node uuid, OUT cpus float8, OUT line float8, OUT memory bigint)
LANGUAGE sql STABLE AS $$
    SELECT n.capacity_vcpus * 1.05, n.line_rate_mbit * 1.25e5 * 1.05, 2 * n.capacity_memory_bytes FROM nodes n WHERE n.id = p_node
$$;

-- By how many microseconds the clock that a batch is dated by (of the node, since its start) is behind ours; null if nobody knows.
-- A message is never here before it was sent: the least that was seen is nearest to the truth, and drifts by what clocks drift.
-- Where ours was put right, it comes near again by and by.
CREATE OR REPLACE FUNCTION croft_usage_clock(p_node uuid, p_boot uuid, p_sent_ns bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_now bigint := extract(epoch FROM now()) * 1000000;
    v_offset bigint;
BEGIN
    IF p_sent_ns IS NULL THEN
        SELECT offset_us INTO v_offset FROM usage_clocks WHERE node_id = p_node AND boot = p_boot;
        RETURN v_offset;
    END IF;
    INSERT INTO usage_clocks AS c VALUES (p_node, p_boot, v_now - p_sent_ns / 1000, now())
    ON CONFLICT (node_id, boot) DO UPDATE SET seen_at = now(), offset_us = least(excluded.offset_us,
        c.offset_us + greatest((extract(epoch FROM now() - c.seen_at) * 200)::bigint, (excluded.offset_us - c.offset_us) / 256))
    RETURNING offset_us INTO v_offset;
    RETURN v_offset;
END
$$;

-- One statement over those of a batch that are the p_round-th of their boot: what is new beyond the watermark, when it was, whether it
-- can be true; then the watermark moves, an hour that is over becomes evidence, gaps and points are written. Of a boot that is new,
-- counters start at zero. Levels count for the time since the sample before, if that is known. Returns how many counted, and what
-- cannot be true: [{vps, boot, seq, reason}]. Planning it takes longer than counting a batch: one plan is kept.
CREATE OR REPLACE FUNCTION croft_usage_round(p_node uuid, s usage_sample[], p_round bigint, p_offset bigint,
    OUT stored bigint, OUT doubtful jsonb) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    k record;
BEGIN
    SELECT * INTO k FROM croft_usage_ceiling(p_node);
    WITH x AS (
        SELECT s.*, v.id IS NOT NULL AS own, v.tenant_id, v.created_at, m.seq IS NOT NULL AS known, m.tenant_id AS m_tenant,
            m.hour AS m_hour, coalesce(m.seq, 0) AS m_seq, m.ts AS m_ts, m.mono_ns AS m_mono, m.suspect IS NOT NULL AS doubted,
            coalesce(m.net_gaps, 0) AS m_net_gaps,
            coalesce(m.cpu_ns, 0) AS m_cpu_ns, coalesce(m.io_read_bytes, 0) AS m_io_read_bytes, coalesce(m.io_write_bytes, 0) AS m_io_write_bytes,
            coalesce(m.io_read_ops, 0) AS m_io_read_ops, coalesce(m.io_write_ops, 0) AS m_io_write_ops,
            coalesce(m.net_rx_bytes, 0) AS m_net_rx_bytes, coalesce(m.net_tx_bytes, 0) AS m_net_tx_bytes,
            coalesce(m.net_rx_packets, 0) AS m_net_rx_packets, coalesce(m.net_tx_packets, 0) AS m_net_tx_packets,
            coalesce(m.oom_kills, 0) AS m_oom_kills, coalesce(m.net_rx_inside_bytes, 0) AS m_net_rx_inside_bytes,
            coalesce(m.net_tx_inside_bytes, 0) AS m_net_tx_inside_bytes, coalesce(m.net_rx_outside_bytes, 0) AS m_net_rx_outside_bytes,
            coalesce(m.net_tx_outside_bytes, 0) AS m_net_tx_outside_bytes
        FROM unnest(s) s
        LEFT JOIN vps v ON v.id = s.vps_id AND v.node_id = p_node
        LEFT JOIN usage_marks m ON v.id IS NOT NULL AND m.vps_id = s.vps_id AND m.boot = s.boot
        WHERE s.round = p_round AND s.seq > coalesce(m.seq, 0)
    ), told AS (
        SELECT x.*, CASE WHEN p_offset IS NOT NULL THEN to_timestamp((mono_ns / 1000 + p_offset) / 1000000.0)
                WHEN known THEN m_ts + (mono_ns - m_mono) / 1000 * interval '1 microsecond' ELSE least(ts, now()) END AS told,
            CASE WHEN known THEN mono_ns - m_mono
                ELSE least(mono_ns, extract(epoch FROM now() - created_at) * 1e9) END::float8 / 1e9 AS elapsed
        FROM x
    ), judged AS MATERIALIZED (
        SELECT t.*, greatest(least(told, now()), CASE WHEN known THEN m_ts ELSE created_at END) AS at,
            known AND NOT doubted AND seq = m_seq + 1 AND elapsed BETWEEN 0.001 AND 900 AS measured,
            CASE WHEN NOT own THEN 'foreign'
                WHEN elapsed < 0 OR told > now() + interval '10 minutes' THEN 'time'
                WHEN cpu_ns < m_cpu_ns OR io_read_bytes < m_io_read_bytes OR io_write_bytes < m_io_write_bytes OR io_read_ops < m_io_read_ops OR
                    io_write_ops < m_io_write_ops OR net_rx_bytes < m_net_rx_bytes OR net_tx_bytes < m_net_tx_bytes OR
                    net_rx_packets < m_net_rx_packets OR net_tx_packets < m_net_tx_packets OR oom_kills < m_oom_kills OR
                    net_rx_inside_bytes < m_net_rx_inside_bytes OR net_tx_inside_bytes < m_net_tx_inside_bytes OR
                    net_rx_outside_bytes < m_net_rx_outside_bytes OR net_tx_outside_bytes < m_net_tx_outside_bytes OR net_gaps < m_net_gaps THEN 'backwards'
                WHEN cpu_ns - m_cpu_ns > (elapsed + 2) * k.cpus * 1e9 AND k.cpus > 0
                    OR greatest(net_rx_bytes - m_net_rx_bytes, net_tx_bytes - m_net_tx_bytes, net_rx_inside_bytes - m_net_rx_inside_bytes,
                        net_tx_inside_bytes - m_net_tx_inside_bytes, net_rx_outside_bytes - m_net_rx_outside_bytes,
                        net_tx_outside_bytes - m_net_tx_outside_bytes) > (elapsed + 2) * k.line
                    OR greatest(net_rx_packets - m_net_rx_packets, net_tx_packets - m_net_tx_packets) > (elapsed + 2) * k.line / 20
                    OR greatest(io_read_bytes - m_io_read_bytes, io_write_bytes - m_io_write_bytes) > (elapsed + 2) * 1e11
                    OR greatest(io_read_ops - m_io_read_ops, io_write_ops - m_io_write_ops, oom_kills - m_oom_kills)
                        > (elapsed + 2) * 1e8 THEN 'too_fast'
                WHEN greatest(memory_bytes, memory_anon_bytes) > k.memory AND k.memory > 0
                    OR greatest(memory_bytes, memory_anon_bytes, disk_bytes) >= 1::bigint << 49 THEN 'too_much' END AS reason
        FROM told t
    ), fresh AS MATERIALIZED (
        SELECT j.*, date_trunc('hour', at, 'UTC') AS hour, CASE WHEN measured THEN elapsed ELSE 0 END AS seconds,
            known AND (date_trunc('hour', at, 'UTC') <> m_hour OR tenant_id <> m_tenant) AS turns
        FROM judged j WHERE reason IS NULL
    ), evidence AS (
        INSERT INTO usage_evidence SELECT o.* FROM fresh f JOIN usage_open o ON o.vps_id = f.vps_id AND o.boot = f.boot WHERE f.turns
    ), moved AS (
        UPDATE usage_marks m SET tenant_id = f.tenant_id, hour = f.hour, suspect = NULL,
            part = CASE WHEN NOT f.turns THEN m.part WHEN f.hour = m.hour THEN m.part + 1 ELSE 1 END, anew = m.anew AND NOT f.turns,
            samples = CASE WHEN f.turns THEN 1 ELSE m.samples + 1 END, first_seq = CASE WHEN f.turns THEN m.seq ELSE m.first_seq END,
            first_ts = CASE WHEN f.turns THEN m.ts ELSE m.first_ts END, seq = f.seq, ts = f.at, mono_ns = f.mono_ns,
            first_cpu_ns = CASE WHEN f.turns THEN m.cpu_ns ELSE m.first_cpu_ns END, cpu_ns = f.cpu_ns,
            first_io_read_bytes = CASE WHEN f.turns THEN m.io_read_bytes ELSE m.first_io_read_bytes END, io_read_bytes = f.io_read_bytes,
            first_io_write_bytes = CASE WHEN f.turns THEN m.io_write_bytes ELSE m.first_io_write_bytes END, io_write_bytes = f.io_write_bytes,
            first_io_read_ops = CASE WHEN f.turns THEN m.io_read_ops ELSE m.first_io_read_ops END, io_read_ops = f.io_read_ops,
            first_io_write_ops = CASE WHEN f.turns THEN m.io_write_ops ELSE m.first_io_write_ops END, io_write_ops = f.io_write_ops,
            first_net_rx_bytes = CASE WHEN f.turns THEN m.net_rx_bytes ELSE m.first_net_rx_bytes END, net_rx_bytes = f.net_rx_bytes,
            first_net_tx_bytes = CASE WHEN f.turns THEN m.net_tx_bytes ELSE m.first_net_tx_bytes END, net_tx_bytes = f.net_tx_bytes,
            first_net_rx_packets = CASE WHEN f.turns THEN m.net_rx_packets ELSE m.first_net_rx_packets END, net_rx_packets = f.net_rx_packets,
            first_net_tx_packets = CASE WHEN f.turns THEN m.net_tx_packets ELSE m.first_net_tx_packets END, net_tx_packets = f.net_tx_packets,
            first_oom_kills = CASE WHEN f.turns THEN m.oom_kills ELSE m.first_oom_kills END, oom_kills = f.oom_kills,
            first_net_rx_inside_bytes = CASE WHEN f.turns THEN m.net_rx_inside_bytes ELSE m.first_net_rx_inside_bytes END, net_rx_inside_bytes = f.net_rx_inside_bytes,
            first_net_tx_inside_bytes = CASE WHEN f.turns THEN m.net_tx_inside_bytes ELSE m.first_net_tx_inside_bytes END, net_tx_inside_bytes = f.net_tx_inside_bytes,
            first_net_rx_outside_bytes = CASE WHEN f.turns THEN m.net_rx_outside_bytes ELSE m.first_net_rx_outside_bytes END, net_rx_outside_bytes = f.net_rx_outside_bytes,
            first_net_tx_outside_bytes = CASE WHEN f.turns THEN m.net_tx_outside_bytes ELSE m.first_net_tx_outside_bytes END, net_tx_outside_bytes = f.net_tx_outside_bytes,
            net_gaps = f.net_gaps, memory_bytes = f.memory_bytes, memory_anon_bytes = f.memory_anon_bytes, disk_bytes = f.disk_bytes,
            pids = f.pids, measured_ms = CASE WHEN f.turns THEN 0 ELSE m.measured_ms END + (f.seconds * 1000)::bigint,
            memory_byte_seconds = CASE WHEN f.turns THEN 0 ELSE m.memory_byte_seconds END + (f.memory_bytes * f.seconds)::bigint,
            memory_anon_byte_seconds = CASE WHEN f.turns THEN 0 ELSE m.memory_anon_byte_seconds END
                + (f.memory_anon_bytes * f.seconds)::bigint,
            disk_byte_seconds = CASE WHEN f.turns THEN 0 ELSE m.disk_byte_seconds END + (f.disk_bytes * f.seconds)::bigint
        FROM fresh f WHERE f.known AND m.vps_id = f.vps_id AND m.boot = f.boot
    ), begun AS (
        INSERT INTO usage_marks (vps_id, boot, tenant_id, hour, samples, first_seq, seq, first_ts, ts, mono_ns,
            first_cpu_ns, cpu_ns, first_io_read_bytes, io_read_bytes, first_io_write_bytes, io_write_bytes, first_io_read_ops, io_read_ops,
            first_io_write_ops, io_write_ops, first_net_rx_bytes, net_rx_bytes, first_net_tx_bytes, net_tx_bytes,
            first_net_rx_packets, net_rx_packets, first_net_tx_packets, net_tx_packets, first_oom_kills, oom_kills,
            first_net_rx_inside_bytes, net_rx_inside_bytes, first_net_tx_inside_bytes, net_tx_inside_bytes,
            first_net_rx_outside_bytes, net_rx_outside_bytes, first_net_tx_outside_bytes, net_tx_outside_bytes,
            net_gaps, memory_bytes, memory_anon_bytes, disk_bytes, pids, measured_ms, memory_byte_seconds, memory_anon_byte_seconds,
            disk_byte_seconds)
        SELECT vps_id, boot, tenant_id, hour, 1, 0, seq, at, at, mono_ns,
            0, cpu_ns, 0, io_read_bytes, 0, io_write_bytes, 0, io_read_ops, 0, io_write_ops, 0, net_rx_bytes, 0, net_tx_bytes, 0, net_rx_packets,
            0, net_tx_packets, 0, oom_kills, 0, net_rx_inside_bytes, 0, net_tx_inside_bytes, 0, net_rx_outside_bytes, 0, net_tx_outside_bytes,
            net_gaps, memory_bytes, memory_anon_bytes, disk_bytes, pids, 0, 0, 0, 0
        FROM fresh WHERE NOT known
    ), gaps AS (
        INSERT INTO usage_gaps (vps_id, boot, from_seq, to_seq, reason, ts)
        SELECT vps_id, boot, m_seq + 1, seq - 1, 'missing', at FROM fresh WHERE seq > m_seq + 1
        UNION ALL
        SELECT vps_id, boot, seq, seq, 'unclassed', at FROM fresh WHERE net_gaps > m_net_gaps
        UNION ALL
        SELECT vps_id, boot, seq, seq, 'unmeasured', at FROM fresh WHERE elapsed > 900 AND seq = m_seq + 1 AND known AND NOT doubted
        ON CONFLICT DO NOTHING
    ), minutes AS (
        INSERT INTO usage_minutes (vps_id, ts, slot, seconds, cpu, memory_bytes, memory_anon_bytes, disk_bytes,
            io_read_bytes, io_write_bytes, io_read_ops, io_write_ops, net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets,
            net_rx_inside_bytes, net_tx_inside_bytes, net_rx_outside_bytes, net_tx_outside_bytes)
        SELECT f.vps_id, f.at, l.slot, seconds, (cpu_ns - m_cpu_ns) / 1e9 / seconds, memory_bytes, memory_anon_bytes, disk_bytes,
            (io_read_bytes - m_io_read_bytes) / seconds, (io_write_bytes - m_io_write_bytes) / seconds, (io_read_ops - m_io_read_ops) / seconds,
            (io_write_ops - m_io_write_ops) / seconds, (net_rx_bytes - m_net_rx_bytes) / seconds, (net_tx_bytes - m_net_tx_bytes) / seconds,
            (net_rx_packets - m_net_rx_packets) / seconds, (net_tx_packets - m_net_tx_packets) / seconds,
            (net_rx_inside_bytes - m_net_rx_inside_bytes) / seconds, (net_tx_inside_bytes - m_net_tx_inside_bytes) / seconds,
            (net_rx_outside_bytes - m_net_rx_outside_bytes) / seconds, (net_tx_outside_bytes - m_net_tx_outside_bytes) / seconds
        FROM fresh f JOIN usage_slots l ON l.ring = 'minutes' AND l.hour = f.hour WHERE measured
    ), fine AS (
        INSERT INTO usage_fine (vps_id, ts, slot, points)
        SELECT f.vps_id, f.at, l.slot, f.fine
        FROM fresh f JOIN usage_slots l ON l.ring = 'fine' AND l.hour = f.hour WHERE f.fine <> ''
    )
    SELECT count(*) FILTER (WHERE reason IS NULL), jsonb_agg(jsonb_build_object('vps', vps_id, 'boot', boot, 'seq', seq,
        'reason', reason, 'at', at)) FILTER (WHERE reason IS NOT NULL)
    INTO stored, doubtful FROM judged;
END
$$;

-- The node's row is locked, not shared: two batches over one link are counted one after the other.
CREATE OR REPLACE FUNCTION croft_node_usage(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s usage_sample[];
    v_offset bigint;
    v_stored bigint := 0;
    r record;
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
    s := croft_usage_samples(p_message->'samples');
    PERFORM croft_usage_check(s);
    v_offset := croft_usage_clock(p_node, (p_message->>'boot')::uuid, (p_message->>'now_mono_ns')::bigint);
    FOR v_round IN 1..coalesce((SELECT max(x.round) FROM unnest(s) x), 0) LOOP
        SELECT * INTO r FROM croft_usage_round(p_node, s, v_round, v_offset);
        v_stored := v_stored + r.stored;
        IF r.doubtful IS NOT NULL THEN
            v_stored := v_stored + croft_usage_doubt(p_node, s, v_round, v_offset, r.doubtful);
        END IF;
    END LOOP;
    RETURN jsonb_build_object('type', 'usage_ack', 'batch', p_message->'batch', 'stored', v_stored,
        'ignored', cardinality(s) - v_stored);
END
$$;
