-- Traffic policy: who has used what is included is told at 80 and at 100 percent, once a month each; then what is beyond is billed
-- (functions/77-rating-usage.sql), or every vps of the account is held to a lower rate until the month is over or more is included.
-- Housekeeping comes by; each step is bounded and says the same when it is done again.

CREATE OR REPLACE FUNCTION croft_traffic_used(p_account uuid, p_at timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(h.net_tx_outside_bytes), 0) FROM tenants t JOIN usage_hours h ON h.tenant_id = t.id
    WHERE t.path @> ARRAY[p_account] AND h.hour >= croft_month_start(p_at) AND h.hour < croft_month_end(p_at)
$$;

-- To the account's own address, or else to those of it who pay.
CREATE OR REPLACE FUNCTION croft_traffic_tell(a billing_accounts, s traffic_states, p_percent int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('percent', p_percent, 'month', to_char(s.month, 'YYYY-MM'), 'used_bytes', s.used_bytes,
        'included_bytes', s.included_bytes, 'policy', a.traffic_policy);
    v_args jsonb := jsonb_build_object('tenant', (SELECT name FROM tenants WHERE id = a.tenant_id), 'month', to_char(s.month, 'YYYY-MM'),
        'percent', p_percent::text, 'used', round(s.used_bytes / 1000000000, 1)::text, 'included', round(s.included_bytes / 1000000000, 1)::text);
BEGIN
    PERFORM croft_changed(CASE p_percent WHEN 80 THEN 'traffic.warned' ELSE 'traffic.used_up' END, a.tenant_id, 'tenant', a.tenant_id,
        jsonb_build_object('percent', s.warned_percent), v_data);
    PERFORM croft_mail(CASE WHEN p_percent = 80 THEN 'traffic_warned' WHEN a.traffic_policy = 'throttle' THEN 'traffic_throttled'
            ELSE 'traffic_billed' END, x.email, a.tenant_id, v_args)
        FROM (SELECT a.email WHERE a.email IS NOT NULL
            UNION SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id AND u.state = 'active'
            WHERE a.email IS NULL AND m.tenant_id = a.tenant_id AND m.role IN ('owner', 'billing')) x;
END
$$;

-- One account. Where nothing is included there is nothing to use up: all is billed, or free.
CREATE OR REPLACE FUNCTION croft_traffic_check(a billing_accounts, p_rate bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_month date := (croft_month_start(now()) AT TIME ZONE 'UTC')::date;
    s traffic_states;
    v_due int;
    v_rate bigint;
BEGIN
    INSERT INTO traffic_states AS x (account_id, month, used_bytes, included_bytes)
        VALUES (a.tenant_id, v_month, croft_traffic_used(a.tenant_id, now()), croft_traffic_included(a, now()))
        ON CONFLICT (account_id) DO UPDATE SET used_bytes = excluded.used_bytes, included_bytes = excluded.included_bytes, checked_at = now(),
            month = v_month, warned_percent = CASE WHEN x.month = v_month THEN x.warned_percent ELSE 0 END
        RETURNING * INTO s;
    v_due := CASE WHEN s.included_bytes = 0 THEN 0 WHEN s.used_bytes >= s.included_bytes THEN 100
        WHEN s.used_bytes >= s.included_bytes * 0.8 THEN 80 ELSE 0 END;
    v_rate := CASE WHEN v_due = 100 AND a.traffic_policy = 'throttle' THEN p_rate END;
    IF v_due > s.warned_percent THEN
        PERFORM croft_traffic_tell(a, s, v_due);
    END IF;
    IF v_rate IS DISTINCT FROM s.rate_bps AND (v_rate IS NULL OR s.rate_bps IS NULL) THEN
        PERFORM croft_changed(CASE WHEN v_rate IS NULL THEN 'traffic.released' ELSE 'traffic.throttled' END, a.tenant_id, 'tenant', a.tenant_id,
            jsonb_build_object('rate_bps', s.rate_bps), jsonb_build_object('rate_bps', v_rate, 'month', to_char(s.month, 'YYYY-MM')));
    END IF;
    UPDATE traffic_states SET warned_percent = greatest(s.warned_percent, v_due), rate_bps = v_rate WHERE account_id = a.tenant_id;
END
$$;

-- Those whose turn it is: every hour, near the limit and beyond it every minute. The number that was looked at.
CREATE OR REPLACE FUNCTION croft_traffic_due(p_rate bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts;
    v_until timestamptz := clock_timestamp() + croft_chore_time();
    v_count int := 0;
BEGIN
    FOR a IN SELECT x.* FROM billing_accounts x LEFT JOIN traffic_states s ON s.account_id = x.tenant_id
        WHERE s.account_id IS NULL OR s.month <> (croft_month_start(now()) AT TIME ZONE 'UTC')::date
            OR s.checked_at < now() - CASE WHEN s.rate_bps IS NOT NULL OR s.used_bytes >= s.included_bytes * 0.7 AND s.included_bytes > 0
                THEN interval '1 minute' ELSE interval '1 hour' END
        ORDER BY s.checked_at NULLS FIRST, x.tenant_id LIMIT 20
    LOOP
        EXIT WHEN v_count > 0 AND clock_timestamp() > v_until;
        PERFORM croft_traffic_check(a, p_rate);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- What a vps is held to: the least of what its account and those above it are.
CREATE OR REPLACE FUNCTION croft_traffic_rate(p_path uuid[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT min(s.rate_bps) FROM traffic_states s WHERE s.account_id = ANY (p_path)
        AND s.month = (croft_month_start(now()) AT TIME ZONE 'UTC')::date
$$;

-- Orders of their nodes what differs, at most a hundred at once. First every vps is locked, then every node.
CREATE OR REPLACE FUNCTION croft_traffic_apply() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_due uuid[] := ARRAY(SELECT k.id FROM vps k WHERE k.id IN (
            SELECT v.id FROM vps v JOIN tenants t ON t.id = v.tenant_id
            WHERE v.traffic_rate_bps IS NOT NULL AND v.traffic_rate_bps IS DISTINCT FROM croft_traffic_rate(t.path)
                AND v.deleted_at IS NULL AND v.lost_at IS NULL AND v.desired <> 'deleted'
            UNION
            SELECT v.id FROM traffic_states s JOIN tenants t ON t.path @> ARRAY[s.account_id] JOIN vps v ON v.tenant_id = t.id
            WHERE s.rate_bps IS NOT NULL AND v.traffic_rate_bps IS DISTINCT FROM croft_traffic_rate(t.path)
                AND v.deleted_at IS NULL AND v.lost_at IS NULL AND v.desired <> 'deleted')
        ORDER BY k.id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED);
    v vps;
    v_count int := 0;
BEGIN
    PERFORM croft_nodes_lock(v_due);
    FOR v IN SELECT k.* FROM vps k WHERE k.id = ANY (v_due) ORDER BY k.id LOOP
        UPDATE vps SET traffic_rate_bps = (SELECT croft_traffic_rate(t.path) FROM tenants t WHERE t.id = v.tenant_id),
            generation = generation + 1, error = NULL, attempts = 0, retry_at = NULL
        WHERE id = v.id RETURNING * INTO v;
        PERFORM croft_converge(v, CASE WHEN v.traffic_rate_bps IS NULL THEN 'traffic released' ELSE 'traffic throttled' END);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- {step: 'traffic' | 'traffic_apply', throttle_bps}. Apart, since one locks accounts and the other vps. "more": come back at once.
CREATE OR REPLACE FUNCTION croft_traffic_chores(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_count int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('croft_traffic_chores')) THEN
        RETURN '{"busy":true}';
    ELSIF p_request->>'step' = 'traffic_apply' THEN
        v_count := croft_traffic_apply();
        RETURN jsonb_build_object('applied', v_count, 'more', v_count = 100);
    END IF;
    v_count := croft_traffic_due(coalesce((p_request->>'throttle_bps')::bigint, 10000000));
    RETURN jsonb_build_object('checked', v_count, 'more', v_count = 20);
END
$$;
