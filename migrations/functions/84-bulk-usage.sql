-- Usage of many vps at once, by the references of a billing system that reckons by itself: one row a vps that existed in the period.

-- A month of UTC (month=2026-11), or from and to; this month unless told.
CREATE OR REPLACE FUNCTION croft_period_asked(p_req jsonb, OUT from_ts timestamptz, OUT to_ts timestamptz) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month text := p_req->'query'->>'month';
BEGIN
    IF v_month IS NULL AND (p_req->'query' ? 'from' OR p_req->'query' ? 'to') THEN
        SELECT * INTO from_ts, to_ts FROM croft_usage_range(p_req);
        RETURN;
    ELSIF v_month IS NULL THEN
        v_month := to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM');
    ELSIF p_req->'query' ? 'from' OR p_req->'query' ? 'to' THEN
        PERFORM croft_raise(422, 'invalid_value', 'Say a month, or from and to.', '/month');
    ELSIF v_month !~ '^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'A month is as 2026-11.', '/month');
    END IF;
    from_ts := (v_month || '-01 00:00:00')::timestamp AT TIME ZONE 'UTC';
    to_ts := ((v_month || '-01 00:00:00')::timestamp + interval '1 month') AT TIME ZONE 'UTC';
END
$$;

-- How much of a period lies within a range, in seconds; what is open lasts until now.
CREATE OR REPLACE FUNCTION croft_seconds_within(p_from timestamptz, p_to timestamptz, p_begin timestamptz, p_end timestamptz) RETURNS bigint
LANGUAGE sql STABLE
    RETURN greatest(extract(epoch FROM least(coalesce(p_to, croft_second()), p_end, croft_second()) - greatest(p_from, p_begin)), 0)::bigint;

CREATE OR REPLACE FUNCTION croft_bulk_existence(p_vps uuid, p_from timestamptz, p_to timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH part AS (
        SELECT p.*, croft_seconds_within(p.from_ts, p.to_ts, p_from, p_to) AS s FROM vps_periods p
        WHERE p.vps_id = p_vps AND p.from_ts < p_to AND (p.to_ts IS NULL OR p.to_ts > p_from)
    ), plan AS (
        SELECT part.plan_id, l.name, part.plan_version, part.state, sum(part.s) AS seconds, min(part.from_ts) AS since
        FROM part LEFT JOIN plans l ON l.id = part.plan_id WHERE part.s > 0 GROUP BY 1, 2, 3, 4
    )
    SELECT jsonb_build_object('seconds', coalesce(sum(s), 0), 'running_seconds', coalesce(sum(s) FILTER (WHERE state = 'running'), 0),
        'stopped_seconds', coalesce(sum(s) FILTER (WHERE state = 'stopped'), 0),
        'suspended_seconds', coalesce(sum(s) FILTER (WHERE state = 'suspended'), 0),
        'held_seconds', coalesce(sum(s) FILTER (WHERE state = 'held'), 0),
        'disk_byte_seconds', coalesce(sum(s * disk_bytes::numeric), 0), 'ipv4_seconds', coalesce(sum(s * ipv4_count), 0),
        'ipv6_seconds', coalesce(sum(s * ipv6_count), 0),
        'plans', (SELECT coalesce(jsonb_agg(jsonb_build_object('plan_id', plan_id, 'name', name, 'version', plan_version, 'state', state,
            'seconds', seconds) ORDER BY since, plan_id, plan_version, state), '[]') FROM plan))
    FROM part
$$;

-- Hours count whole, in the period in which they begin: periods that touch count each hour once.
CREATE OR REPLACE FUNCTION croft_bulk_measured(p_vps uuid, p_from timestamptz, p_to timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('cpu_ns', coalesce(sum(h.cpu_ns), 0), 'memory_byte_seconds', coalesce(trunc(sum(h.memory_byte_seconds)), 0),
        'disk_used_byte_seconds', coalesce(trunc(sum(h.disk_byte_seconds)), 0),
        'io_read_bytes', coalesce(sum(h.io_read_bytes), 0), 'io_write_bytes', coalesce(sum(h.io_write_bytes), 0),
        'io_read_ops', coalesce(sum(h.io_read_ops), 0), 'io_write_ops', coalesce(sum(h.io_write_ops), 0),
        'net_rx_bytes', coalesce(sum(h.net_rx_bytes), 0), 'net_tx_bytes', coalesce(sum(h.net_tx_bytes), 0),
        'net_rx_inside_bytes', coalesce(sum(h.net_rx_inside_bytes), 0), 'net_tx_inside_bytes', coalesce(sum(h.net_tx_inside_bytes), 0),
        'net_rx_outside_bytes', coalesce(sum(h.net_rx_outside_bytes), 0), 'net_tx_outside_bytes', coalesce(sum(h.net_tx_outside_bytes), 0),
        'last_sample_at', max(h.last_ts),
        'gaps', (SELECT count(*) FROM usage_gaps g WHERE g.vps_id = p_vps AND g.ts >= p_from AND g.ts < p_to))
    FROM usage_hours h WHERE h.vps_id = p_vps AND h.hour >= p_from AND h.hour < p_to
$$;

CREATE OR REPLACE FUNCTION croft_bulk_snapshots(p_vps uuid, p_from timestamptz, p_to timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(croft_seconds_within(s.from_ts, s.to_ts, p_from, p_to) * coalesce(s.size_bytes, 0)::numeric), 0)
    FROM snapshot_periods s WHERE s.vps_id = p_vps AND s.from_ts < p_to AND (s.to_ts IS NULL OR s.to_ts > p_from)
$$;

CREATE OR REPLACE FUNCTION croft_bulk_row(v vps, p_tenant_ref text, p_from timestamptz, p_to timestamptz, p_flat boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    j jsonb := jsonb_build_object('vps_id', v.id, 'name', v.name, 'external_ref', v.external_ref, 'tenant_id', v.tenant_id,
            'tenant_external_ref', p_tenant_ref, 'location_id', v.location_id, 'created_at', v.created_at, 'deleted_at', v.deleted_at,
            'from', p_from, 'to', p_to, 'snapshot_byte_seconds', croft_bulk_snapshots(v.id, p_from, p_to))
        || croft_bulk_existence(v.id, p_from, p_to) || croft_bulk_measured(v.id, p_from, p_to);
BEGIN
    IF p_flat THEN -- one cell: small@1 running 3600; …
        j := j || jsonb_build_object('plans', (SELECT string_agg(format('%s@%s %s %s', x->>'name', x->>'version', x->>'state', x->>'seconds'),
            '; ' ORDER BY n) FROM jsonb_array_elements(j->'plans') WITH ORDINALITY e (x, n)));
    END IF;
    RETURN j;
END
$$;

-- References, separated by commas; one that holds a comma itself is asked for alone.
CREATE OR REPLACE FUNCTION croft_refs_asked(p_req jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN string_to_array(p_req->'query'->>'external_ref', ',') || (p_req->'query'->>'external_ref');

-- Of the vps of p_tenants (null: everybody's), which the caller may see. A vps that came and went within a second did not exist.
CREATE OR REPLACE FUNCTION croft_bulk_usage_of(p_tenants uuid[], p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql STABLE AS $$
DECLARE
    r record;
    v_refs text[] := CASE WHEN p_req->'query' ? 'external_ref' THEN croft_refs_asked(p_req) END;
    v_tenant uuid := (p_req->'query'->>'tenant_id')::uuid;
    v_after uuid := CASE WHEN p_req->'query' ? 'cursor' THEN croft_cursor_uuid(p_req->'query'->>'cursor') ELSE croft_uuid_min() END;
    v_rows jsonb[];
    v_ids uuid[];
BEGIN
    SELECT * INTO r FROM croft_period_asked(p_req);
    SELECT array_agg(croft_bulk_row(x.v, x.ref, r.from_ts, r.to_ts, p_req->'query' ? 'format') ORDER BY x.id), array_agg(x.id ORDER BY x.id)
    INTO v_rows, v_ids
    FROM (
        SELECT v, v.id, t.external_ref AS ref FROM vps v JOIN tenants t ON t.id = v.tenant_id
        WHERE v.id > v_after AND v.created_at < r.to_ts AND (v.deleted_at IS NULL OR v.deleted_at > r.from_ts)
            AND (p_tenants IS NULL OR v.tenant_id = ANY (p_tenants)) AND (v_tenant IS NULL OR v.tenant_id = v_tenant)
            AND (v_refs IS NULL OR v.external_ref = ANY (v_refs))
            AND EXISTS (SELECT FROM vps_periods p WHERE p.vps_id = v.id)
        ORDER BY v.id LIMIT croft_export_limit(p_req) + 1
    ) x;
    RETURN croft_export_page(p_req, v_rows, v_ids, '{vps_id,name,external_ref,tenant_id,tenant_external_ref,location_id,created_at,
        deleted_at,from,to,seconds,running_seconds,stopped_seconds,suspended_seconds,held_seconds,plans,disk_byte_seconds,ipv4_seconds,
        ipv6_seconds,snapshot_byte_seconds,cpu_ns,memory_byte_seconds,disk_used_byte_seconds,io_read_bytes,io_write_bytes,io_read_ops,
        io_write_ops,net_rx_bytes,net_tx_bytes,net_rx_inside_bytes,net_tx_inside_bytes,net_rx_outside_bytes,net_tx_outside_bytes,
        last_sample_at,gaps}');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_bulk_usage(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_bulk_usage_of(NULL, p_req)
$$;

-- A reseller's: its own vps and those of the tenants right below it. Anybody else's: its own.
CREATE OR REPLACE FUNCTION croft_bulk_usage(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_bulk_usage_of(ARRAY(SELECT id FROM tenants WHERE croft_tenant_id() IN (id, parent_id)), p_req)
$$;
