-- Usage, counted exactly once: absolute counters against a watermark for each (vps, boot). docs/billing.md says the rules.

-- What a message is planned with. Tables grow from nothing and a plan is kept for long, so that what it was made of says nothing:
-- keys are looked up, whatever the sizes of the tables were on that day. Planning takes longer than counting: one plan is kept.
-- (Said at each function that has it: plan_cache_mode, enable_*, jit.)

-- The samples of a message, each boot's in rounds by seq. They are said by column (server/hub_usage.c): lists of ids and times, of each a row of
-- numbers in the order of usage_sample, points of ten seconds between "|". A message with one impossible sample is refused whole. Counters and
-- levels are bounded so that no sum of them overflows. A boot is known at most once to an agent's report: many are a mistake.
CREATE OR REPLACE FUNCTION croft_usage_samples(p_message jsonb) RETURNS usage_sample[] LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v uuid[];
    b uuid[];
    t timestamptz[];
    n bigint[];
    f text[];
    s usage_sample[];
BEGIN
    v := p_message->>'vps';
    b := p_message->>'boots';
    t := p_message->>'ts';
    n := p_message->>'numbers';
    f := string_to_array(p_message->>'fine', '|');
    IF (cardinality(b) = cardinality(v) AND cardinality(t) = cardinality(v)
            AND (cardinality(v) = 0 AND cardinality(n) = 0 OR array_ndims(v) = 1 AND array_ndims(n) = 2 AND array_lower(n, 1) = 1
                AND array_lower(n, 2) = 1 AND array_length(n, 1) = cardinality(v) AND array_length(n, 2) = 21)
            AND array_position(v || b, NULL) IS NULL AND array_position(t, NULL) IS NULL
            AND 0 <= ALL (n) AND 1::bigint << 60 > ALL (n)) IS NOT TRUE THEN
        PERFORM croft_protocol_error('A usage sample is incomplete, negative or out of range.');
    END IF;
    s := ARRAY(SELECT (row_number() OVER (PARTITION BY v[i], b[i] ORDER BY n[i][1]), v[i], b[i], n[i][1], t[i], n[i][2], n[i][3],
            n[i][4], n[i][5], n[i][6], n[i][7], n[i][8], n[i][9], n[i][10], n[i][11], n[i][12], n[i][13], n[i][14], n[i][15], n[i][16],
            n[i][17], n[i][18], n[i][19], n[i][20], n[i][21], f[i])::usage_sample
        FROM generate_series(1, cardinality(v)) i);
    IF EXISTS (SELECT FROM unnest(s) x WHERE x.round > 64 OR x.seq < 1 OR octet_length(x.fine) > 8192) THEN
        PERFORM croft_protocol_error('A usage batch has more than 64 samples of one boot, or one without a place in its order.');
    END IF;
    RETURN s;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The usage batch is malformed.');
END
$$;

-- What samples of a node are held against. What it can have done, by the second: processors, bytes of its guests' devices and disks (0: nobody
-- knows). And which hour each slot of the graphs' points holds now.
CREATE OR REPLACE FUNCTION croft_usage_frame(p_node uuid, OUT cpus float8, OUT line float8, OUT memory bigint, OUT minutes timestamptz[],
    OUT fine timestamptz[]) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    SELECT n.capacity_vcpus * 1.05, n.line_rate_mbit * 1.25e5 * 1.05, 2 * n.capacity_memory_bytes INTO cpus, line, memory
        FROM nodes n WHERE n.id = p_node;
    SELECT array_agg(l.hour ORDER BY l.slot) FILTER (WHERE l.ring = 'minutes'), array_agg(l.hour ORDER BY l.slot) FILTER (WHERE l.ring = 'fine')
        INTO minutes, fine FROM usage_slots l;
END
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

-- Those of a batch that are the p_round-th of their boot and new beyond its watermark: when each was, what it adds, whether it can be true. Of a
-- boot that is new, counters start at zero. Part of whatever statement it is in: the planner writes it out.
CREATE OR REPLACE FUNCTION croft_usage_judged(p_node uuid, p_samples usage_sample[], p_round bigint, p_offset bigint, p_cpus float8,
    p_line float8, p_memory bigint) RETURNS SETOF usage_judged LANGUAGE sql STABLE AS $$
    SELECT vps_id, boot, seq, mono_ns, cpu_ns, io_read_bytes, io_write_bytes, io_read_ops, io_write_ops, net_rx_bytes, net_tx_bytes,
        net_rx_packets, net_tx_packets, oom_kills, memory_bytes, memory_anon_bytes, disk_bytes, pids, net_rx_inside_bytes, net_tx_inside_bytes,
        net_rx_outside_bytes, net_tx_outside_bytes, net_gaps, m_seq, d_net_gaps, d_cpu_ns, d_io_read_bytes, d_io_write_bytes, d_io_read_ops,
        d_io_write_ops, d_net_rx_bytes, d_net_tx_bytes, d_net_rx_packets, d_net_tx_packets, d_net_rx_inside_bytes, d_net_tx_inside_bytes,
        d_net_rx_outside_bytes, d_net_tx_outside_bytes, CASE WHEN measured THEN elapsed ELSE 0 END,
        at, date_bin('1 hour', at, '2000-01-01 00:00:00+00'), floor(date_part('epoch', at) / 3600)::int, known, measured,
        known AND NOT doubted AND seq = m_seq + 1 AND elapsed > 900,
        known AND (date_bin('1 hour', at, '2000-01-01 00:00:00+00') <> m_hour OR tenant_id <> m_tenant),
        tenant_id, fine, reason
    FROM (
        SELECT x.*, greatest(least(told, now()), CASE WHEN known THEN m_ts ELSE created_at END) AS at,
            known AND NOT doubted AND seq = m_seq + 1 AND elapsed BETWEEN 0.001 AND 900 AS measured,
            CASE WHEN NOT own THEN 'foreign'
                WHEN elapsed < 0 OR told > now() + interval '10 minutes' THEN 'time'
                WHEN least(d_net_gaps, d_cpu_ns, d_io_read_bytes, d_io_write_bytes, d_io_read_ops, d_io_write_ops, d_net_rx_bytes, d_net_tx_bytes,
                    d_net_rx_packets, d_net_tx_packets, d_net_rx_inside_bytes, d_net_tx_inside_bytes, d_net_rx_outside_bytes,
                    d_net_tx_outside_bytes, d_oom_kills) < 0 THEN 'backwards'
                WHEN d_cpu_ns > (elapsed + 2) * p_cpus * 1e9 AND p_cpus > 0
                    OR greatest(d_net_rx_bytes, d_net_tx_bytes, d_net_rx_inside_bytes, d_net_tx_inside_bytes, d_net_rx_outside_bytes,
                        d_net_tx_outside_bytes) > (elapsed + 2) * p_line
                    OR greatest(d_net_rx_packets, d_net_tx_packets) > (elapsed + 2) * p_line / 20
                    OR greatest(d_io_read_bytes, d_io_write_bytes) > (elapsed + 2) * 1e11
                    OR greatest(d_io_read_ops, d_io_write_ops, d_oom_kills) > (elapsed + 2) * 1e8 THEN 'too_fast'
                WHEN greatest(memory_bytes, memory_anon_bytes) > p_memory AND p_memory > 0
                    OR greatest(memory_bytes, memory_anon_bytes, disk_bytes) >= 1::bigint << 49 THEN 'too_much' END AS reason
        FROM (
            SELECT s.*, v.id IS NOT NULL AS own, v.tenant_id, v.created_at, m.seq IS NOT NULL AS known, m.tenant_id AS m_tenant, m.hour AS m_hour,
                coalesce(m.seq, 0) AS m_seq, m.ts AS m_ts, m.suspect IS NOT NULL AS doubted,
                CASE WHEN p_offset IS NOT NULL THEN to_timestamp((s.mono_ns / 1000 + p_offset) / '1e6'::float8)
                    WHEN m.seq IS NOT NULL THEN m.ts + (s.mono_ns - m.mono_ns) / 1000 * interval '1 microsecond' ELSE least(s.ts, now()) END AS told,
                CASE WHEN m.seq IS NOT NULL THEN (s.mono_ns - m.mono_ns)::float8
                    ELSE least(s.mono_ns::float8, date_part('epoch', now() - v.created_at) * 1e9) END / 1e9 AS elapsed,
                s.net_gaps - coalesce(m.net_gaps, 0) AS d_net_gaps, s.cpu_ns - coalesce(m.cpu_ns, 0) AS d_cpu_ns,
                s.io_read_bytes - coalesce(m.io_read_bytes, 0) AS d_io_read_bytes, s.io_write_bytes - coalesce(m.io_write_bytes, 0) AS d_io_write_bytes,
                s.io_read_ops - coalesce(m.io_read_ops, 0) AS d_io_read_ops, s.io_write_ops - coalesce(m.io_write_ops, 0) AS d_io_write_ops,
                s.net_rx_bytes - coalesce(m.net_rx_bytes, 0) AS d_net_rx_bytes, s.net_tx_bytes - coalesce(m.net_tx_bytes, 0) AS d_net_tx_bytes,
                s.net_rx_packets - coalesce(m.net_rx_packets, 0) AS d_net_rx_packets,
                s.net_tx_packets - coalesce(m.net_tx_packets, 0) AS d_net_tx_packets, s.oom_kills - coalesce(m.oom_kills, 0) AS d_oom_kills,
                s.net_rx_inside_bytes - coalesce(m.net_rx_inside_bytes, 0) AS d_net_rx_inside_bytes,
                s.net_tx_inside_bytes - coalesce(m.net_tx_inside_bytes, 0) AS d_net_tx_inside_bytes,
                s.net_rx_outside_bytes - coalesce(m.net_rx_outside_bytes, 0) AS d_net_rx_outside_bytes,
                s.net_tx_outside_bytes - coalesce(m.net_tx_outside_bytes, 0) AS d_net_tx_outside_bytes
            FROM unnest(p_samples) s
            LEFT JOIN vps v ON v.id = s.vps_id AND v.node_id = p_node
            LEFT JOIN usage_marks m ON v.id IS NOT NULL AND m.vps_id = s.vps_id AND m.boot = s.boot
            WHERE s.round = p_round AND s.seq > coalesce(m.seq, 0)
            OFFSET 0 -- so that what is computed here is computed once
        ) x
    ) y
$$;

-- One statement over a round: watermarks move, gaps and points are written. Levels count for the time since the sample before, if that is
-- known. What is of another hour (or another tenant) than its watermark waits for croft_usage_turn(). Returns how many counted, which turn:
-- [{vps, boot, hour, tenant}], and what cannot be true: [{vps, boot, seq, reason, at}].
CREATE OR REPLACE FUNCTION croft_usage_count(p_node uuid, s usage_sample[], p_round bigint, p_offset bigint,
    OUT stored bigint, OUT turning jsonb, OUT doubtful jsonb) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    k record := croft_usage_frame(p_node);
BEGIN
    WITH judged AS MATERIALIZED (
        SELECT * FROM croft_usage_judged(p_node, s, p_round, p_offset, k.cpus, k.line, k.memory)
    ), fresh AS NOT MATERIALIZED (
        SELECT * FROM judged WHERE reason IS NULL AND NOT turns
    ), moved AS (
        UPDATE usage_marks m SET suspect = NULL, samples = m.samples + 1, seq = f.seq, ts = f.at, mono_ns = f.mono_ns, cpu_ns = f.cpu_ns,
            io_read_bytes = f.io_read_bytes, io_write_bytes = f.io_write_bytes, io_read_ops = f.io_read_ops, io_write_ops = f.io_write_ops,
            net_rx_bytes = f.net_rx_bytes, net_tx_bytes = f.net_tx_bytes, net_rx_packets = f.net_rx_packets,
            net_tx_packets = f.net_tx_packets, oom_kills = f.oom_kills, net_rx_inside_bytes = f.net_rx_inside_bytes,
            net_tx_inside_bytes = f.net_tx_inside_bytes, net_rx_outside_bytes = f.net_rx_outside_bytes,
            net_tx_outside_bytes = f.net_tx_outside_bytes, net_gaps = f.net_gaps, memory_bytes = f.memory_bytes,
            memory_anon_bytes = f.memory_anon_bytes, disk_bytes = f.disk_bytes, pids = f.pids,
            measured_ms = m.measured_ms + (f.seconds * 1000)::bigint,
            memory_byte_seconds = m.memory_byte_seconds + (f.memory_bytes * f.seconds)::bigint,
            memory_anon_byte_seconds = m.memory_anon_byte_seconds + (f.memory_anon_bytes * f.seconds)::bigint,
            disk_byte_seconds = m.disk_byte_seconds + (f.disk_bytes * f.seconds)::bigint
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
        SELECT f.vps_id, f.boot, g.from_seq, g.to_seq, g.reason, f.at
        FROM fresh f, LATERAL (VALUES ('missing', m_seq + 1, seq - 1, seq > m_seq + 1), ('unclassed', seq, seq, d_net_gaps > 0),
            ('unmeasured', seq, seq, unmeasured)) g (reason, from_seq, to_seq, holds)
        WHERE (seq > m_seq + 1 OR d_net_gaps > 0 OR unmeasured) AND g.holds
        ON CONFLICT DO NOTHING
    ), minutes AS (
        INSERT INTO usage_minutes (vps_id, ts, slot, seconds, cpu, memory_bytes, memory_anon_bytes, disk_bytes,
            io_read_bytes, io_write_bytes, io_read_ops, io_write_ops, net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets,
            net_rx_inside_bytes, net_tx_inside_bytes, net_rx_outside_bytes, net_tx_outside_bytes)
        SELECT vps_id, at, n % cardinality(k.minutes), seconds, d_cpu_ns / (seconds * 1e9), memory_bytes, memory_anon_bytes, disk_bytes,
            d_io_read_bytes / seconds, d_io_write_bytes / seconds, d_io_read_ops / seconds, d_io_write_ops / seconds,
            d_net_rx_bytes / seconds, d_net_tx_bytes / seconds, d_net_rx_packets / seconds, d_net_tx_packets / seconds,
            d_net_rx_inside_bytes / seconds, d_net_tx_inside_bytes / seconds, d_net_rx_outside_bytes / seconds, d_net_tx_outside_bytes / seconds
        FROM fresh WHERE measured AND k.minutes[n % cardinality(k.minutes) + 1] = hour
    ), fine AS (
        INSERT INTO usage_fine (vps_id, ts, slot, points)
        SELECT vps_id, at, n % cardinality(k.fine), fine FROM fresh WHERE fine <> '' AND k.fine[n % cardinality(k.fine) + 1] = hour
    )
    SELECT count(*) FILTER (WHERE reason IS NULL AND NOT turns),
        jsonb_agg(jsonb_build_object('vps', vps_id, 'boot', boot, 'hour', hour, 'tenant', tenant_id)) FILTER (WHERE reason IS NULL AND turns),
        jsonb_agg(jsonb_build_object('vps', vps_id, 'boot', boot, 'seq', seq, 'reason', reason, 'at', at)) FILTER (WHERE reason IS NOT NULL)
    INTO stored, turning, doubtful FROM judged;
END
$$;

-- The part that a boot is in is over: it becomes evidence, and the next one begins where it ended. One that began anew and had no sample yet is
-- no evidence: the next one begins anew in its place.
CREATE OR REPLACE FUNCTION croft_usage_turn(p_turning jsonb) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
BEGIN
    INSERT INTO usage_evidence SELECT o.* FROM jsonb_to_recordset(p_turning) t (vps uuid, boot uuid)
        JOIN usage_open o ON o.vps_id = t.vps AND o.boot = t.boot;
    UPDATE usage_marks m SET tenant_id = t.tenant, hour = t.hour, part = CASE WHEN t.hour = m.hour THEN m.part + 1 ELSE 1 END, anew = m.anew AND m.samples = 0,
        samples = 0, first_seq = m.seq, first_ts = m.ts, first_cpu_ns = m.cpu_ns, first_io_read_bytes = m.io_read_bytes,
        first_io_write_bytes = m.io_write_bytes, first_io_read_ops = m.io_read_ops, first_io_write_ops = m.io_write_ops,
        first_net_rx_bytes = m.net_rx_bytes, first_net_tx_bytes = m.net_tx_bytes, first_net_rx_packets = m.net_rx_packets,
        first_net_tx_packets = m.net_tx_packets, first_oom_kills = m.oom_kills, first_net_rx_inside_bytes = m.net_rx_inside_bytes,
        first_net_tx_inside_bytes = m.net_tx_inside_bytes, first_net_rx_outside_bytes = m.net_rx_outside_bytes,
        first_net_tx_outside_bytes = m.net_tx_outside_bytes, measured_ms = 0, memory_byte_seconds = 0, memory_anon_byte_seconds = 0,
        disk_byte_seconds = 0
    FROM jsonb_to_recordset(p_turning) t (vps uuid, boot uuid, hour timestamptz, tenant uuid) WHERE m.vps_id = t.vps AND m.boot = t.boot;
END
$$;

-- Counts a round: what turns does so first, once an hour, and counts then. What counted already is passed over by its watermark.
CREATE OR REPLACE FUNCTION croft_usage_round(p_node uuid, s usage_sample[], p_round bigint, p_offset bigint,
    OUT stored bigint, OUT doubtful jsonb) LANGUAGE plpgsql AS $$
DECLARE
    c record := croft_usage_count(p_node, s, p_round, p_offset);
BEGIN
    stored := c.stored;
    IF c.turning IS NOT NULL THEN
        PERFORM croft_usage_turn(c.turning);
        c := croft_usage_count(p_node, s, p_round, p_offset);
        stored := stored + c.stored;
    END IF;
    doubtful := c.doubtful;
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
    s := croft_usage_samples(p_message);
    v_offset := croft_usage_clock(p_node, (p_message->>'boot')::uuid, (p_message->>'now_mono_ns')::bigint);
    FOR v_round IN 1..coalesce((SELECT max(x.round) FROM unnest(s) x), 0) LOOP
        r := croft_usage_round(p_node, s, v_round, v_offset);
        v_stored := v_stored + r.stored;
        IF r.doubtful IS NOT NULL THEN
            v_stored := v_stored + croft_usage_doubt(p_node, s, v_round, v_offset, r.doubtful);
        END IF;
    END LOOP;
    RETURN jsonb_build_object('type', 'usage_ack', 'batch', p_message->'batch', 'stored', v_stored,
        'ignored', cardinality(s) - v_stored);
END
$$;
