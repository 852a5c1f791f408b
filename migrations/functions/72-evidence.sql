-- Evidence for the customer: limits met, kills, pressure, the console's log.

CREATE OR REPLACE FUNCTION croft_evidence_items(p_items jsonb)
RETURNS TABLE (vps uuid, boot uuid, ts timestamptz, limits jsonb, cpu jsonb, pressure jsonb, oom_kills bigint, kills jsonb)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT ON (i.vps) i.vps, i.boot, least(i.ts, now()), i.limits, nullif(i.cpu, 'null'),
            nullif(i.pressure, 'null'), i.oom_kills, i.kills
        FROM jsonb_to_recordset(p_items) i (vps uuid, boot uuid, ts timestamptz, limits jsonb, cpu jsonb, pressure jsonb,
            oom_kills bigint, kills jsonb)
        ORDER BY i.vps, i.ts DESC;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The evidence is malformed.');
END
$$;

-- Hits are absolute within a boot. One that falls was counted anew: by a new boot, or by an agent that keeps it in its memory.
CREATE OR REPLACE FUNCTION croft_evidence_totals(e vps_evidence, p_boot uuid, p_limits jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(o.name, coalesce((e.totals->>o.name)::bigint, 0)
        + CASE WHEN e.boot <> p_boot OR coalesce(n.hits, 0) < o.hits THEN o.hits ELSE 0 END), '{}')
    FROM jsonb_to_recordset(e.limits) o (name text, hits bigint)
    LEFT JOIN jsonb_to_recordset(p_limits) n (name text, hits bigint) ON n.name = o.name
    WHERE o.hits IS NOT NULL
$$;

-- The last twenty are kept.
CREATE OR REPLACE FUNCTION croft_evidence_kills(p_vps uuid, p_tenant uuid, p_kills jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO vps_oom_kills (vps_id, node_boot, seq, tenant_id, ts, process, pid, memory_bytes, cause)
    SELECT p_vps, k.boot, k.seq, p_tenant, least(k.ts, now()), k.process, k.pid, k.memory_bytes, k.cause
    FROM jsonb_to_recordset(p_kills) k (boot uuid, seq bigint, ts timestamptz, process text, pid bigint, memory_bytes bigint, cause text)
    ORDER BY k.boot, k.seq
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        DELETE FROM vps_oom_kills d WHERE d.vps_id = p_vps AND (d.node_boot, d.seq) NOT IN
            (SELECT k.node_boot, k.seq FROM vps_oom_kills k WHERE k.vps_id = p_vps ORDER BY k.ts DESC, k.seq DESC LIMIT 20);
    END IF;
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    PERFORM croft_protocol_error('A kill is malformed.');
END
$$;

-- Of what an older report says nothing is taken; kills have keys of their own and count whenever they come.
CREATE OR REPLACE FUNCTION croft_node_evidence(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    x record;
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    FOR x IN SELECT i.*, v.tenant_id FROM croft_evidence_items(p_message->'items') i
        JOIN vps v ON v.id = i.vps AND v.node_id = p_node AND v.deleted_at IS NULL ORDER BY i.vps
    LOOP
        INSERT INTO vps_evidence AS e (vps_id, tenant_id, boot, ts, limits, cpu, pressure, oom_kills)
        VALUES (x.vps, x.tenant_id, x.boot, x.ts, x.limits, x.cpu, x.pressure, x.oom_kills)
        ON CONFLICT (vps_id) DO UPDATE SET totals = croft_evidence_totals(e, excluded.boot, excluded.limits),
            boot = excluded.boot, ts = excluded.ts, limits = excluded.limits, cpu = excluded.cpu,
            pressure = excluded.pressure, oom_kills = greatest(e.oom_kills, excluded.oom_kills)
        WHERE excluded.ts >= e.ts;
        PERFORM croft_evidence_kills(x.vps, x.tenant_id, x.kills);
    END LOOP;
    RETURN '{}';
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    PERFORM croft_protocol_error('The evidence is malformed.');
END
$$;

CREATE OR REPLACE FUNCTION croft_limit_json(p_limit jsonb, p_totals jsonb) RETURNS json LANGUAGE sql IMMUTABLE
    RETURN json_build_object('name', p_limit->'name',
        'unit', CASE p_limit->>'name' WHEN 'processes' THEN 'count' WHEN 'cpu' THEN 'millicores'
            WHEN 'connections_in' THEN 'count' WHEN 'connections_out' THEN 'count'
            WHEN 'network_in' THEN 'bits_per_second' WHEN 'network_out' THEN 'bits_per_second'
            WHEN 'io' THEN 'bytes_per_second' WHEN 'iops' THEN 'operations_per_second' ELSE 'bytes' END,
        'used', p_limit->'used', 'limit', nullif(p_limit->'limit', 'null'), 'hits', nullif(p_limit->'hits', 'null'),
        'hits_total', (p_limit->>'hits')::bigint + coalesce((p_totals->>(p_limit->>'name'))::bigint, 0));

CREATE OR REPLACE FUNCTION croft_pressure_json(p_numbers jsonb) RETURNS json LANGUAGE sql IMMUTABLE
    RETURN CASE jsonb_typeof(p_numbers) WHEN 'array' THEN json_build_object('avg10', (p_numbers->>0)::numeric / 100,
        'avg60', (p_numbers->>1)::numeric / 100, 'avg300', (p_numbers->>2)::numeric / 100, 'total_us', p_numbers->3) END;

CREATE OR REPLACE FUNCTION croft_pressures_json(p_pressure jsonb) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(r.name, json_build_object('some', croft_pressure_json(p_pressure->r.name->'some'),
        'full', croft_pressure_json(p_pressure->r.name->'full')))
    FROM unnest(ARRAY['cpu', 'memory', 'io']) r (name) WHERE p_pressure IS NOT NULL
$$;

CREATE OR REPLACE FUNCTION croft_kills_json(p_vps uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('ts', k.ts, 'process', k.process, 'pid', k.pid, 'memory_bytes', k.memory_bytes,
        'cause', k.cause) ORDER BY k.ts DESC, k.seq DESC), '[]')
    FROM vps_oom_kills k WHERE k.vps_id = p_vps
$$;

CREATE OR REPLACE FUNCTION croft_evidence_json(v vps) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('vps_id', v.id, 'ts', e.ts, 'boot', e.boot,
        'limits', coalesce((SELECT json_agg(croft_limit_json(l, e.totals) ORDER BY n)
            FROM jsonb_array_elements(e.limits) WITH ORDINALITY x (l, n)), '[]'),
        'cpu', e.cpu, 'pressure', croft_pressures_json(e.pressure),
        'oom_kills', coalesce(e.oom_kills, 0), 'last_oom_kills', croft_kills_json(v.id))
    FROM (SELECT) one LEFT JOIN vps_evidence e ON e.vps_id = v.id
$$;

-- What is known of the console's log, and whether the node is being asked for a newer one: it is when the last is older than five
-- seconds, and again when it has not answered for ten.
CREATE OR REPLACE FUNCTION croft_vps_log(p_req jsonb) RETURNS TABLE (status int, body text, etag text, location text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps;
    l vps_logs;
    v_state text := 'fresh';
BEGIN
    SELECT * INTO v FROM vps WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() AND deleted_at IS NULL;
    IF v.id IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO l FROM vps_logs WHERE vps_id = v.id;
    IF l.asked_at IS NOT NULL OR l.fetched_at IS NULL OR l.fetched_at < clock_timestamp() - interval '5 seconds' THEN
        v_state := CASE WHEN EXISTS (SELECT FROM node_status s WHERE s.node_id = v.node_id AND s.online) THEN 'asked' ELSE 'unreachable' END;
        IF v_state = 'asked' AND (l.asked_at IS NULL OR l.asked_at < clock_timestamp() - interval '10 seconds') THEN
            INSERT INTO vps_logs AS k (vps_id, tenant_id, node_id, asked_at)
            VALUES (v.id, v.tenant_id, v.node_id, clock_timestamp())
            ON CONFLICT (vps_id) DO UPDATE SET asked_at = excluded.asked_at, node_id = excluded.node_id;
            PERFORM pg_notify('croft_task', v.node_id::text);
        END IF;
    END IF;
    RETURN QUERY SELECT 200, json_build_object('vps_id', v.id, 'state', v_state, 'fetched_at', l.fetched_at,
        'truncated', coalesce(l.truncated, false), 'text', coalesce(l.text, ''))::text, NULL::text, NULL::text;
END
$$;

-- Logs that somebody waits for, told to the link behind the node's tasks; twice does no harm.
CREATE OR REPLACE FUNCTION croft_node_logs_asked(p_node uuid, p_epoch bigint) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object('type', 'log_request', 'epoch', s.epoch, 'vps', l.vps_id)
    FROM node_status s JOIN vps_logs l ON l.node_id = s.node_id
    WHERE s.node_id = p_node AND s.node_id = croft_node_id() AND s.epoch = p_epoch AND l.asked_at > now() - interval '1 minute'
    ORDER BY l.asked_at LIMIT 100
$$;

CREATE OR REPLACE FUNCTION croft_node_log(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_vps uuid;
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    v_vps := (p_message->>'vps')::uuid;
    UPDATE vps_logs l SET asked_at = NULL, fetched_at = clock_timestamp(), text = p_message->>'text',
        truncated = (p_message->>'truncated')::boolean
    FROM vps v WHERE l.vps_id = v_vps AND v.id = v_vps AND v.node_id = p_node AND l.asked_at IS NOT NULL;
    IF FOUND THEN
        PERFORM pg_notify('croft_task_end', v_vps::text);
    END IF;
    RETURN '{}';
EXCEPTION WHEN data_exception OR check_violation OR not_null_violation THEN
    PERFORM croft_protocol_error('The log is malformed.');
END
$$;

-- A vps that is gone leaves nothing of this behind.
CREATE OR REPLACE FUNCTION croft_evidence_forget() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM vps_evidence WHERE vps_id = NEW.id;
    DELETE FROM vps_oom_kills WHERE vps_id = NEW.id;
    DELETE FROM vps_logs WHERE vps_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER evidence_forget AFTER UPDATE OF deleted_at ON vps FOR EACH ROW
    WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION croft_evidence_forget();
