-- Traffic policy: told once at 80 and at 100 percent, then billed or throttled; released by the month, by more that is included, by the policy.
-- So much in all, this month.
CREATE FUNCTION test.left_location(p_tenant uuid, p_bytes bigint) RETURNS void LANGUAGE sql AS $$
    DELETE FROM usage_evidence WHERE tenant_id = p_tenant;
    SELECT test.measured(v.id, date_trunc('hour', now(), 'UTC'), jsonb_build_object('last_net_tx_bytes', p_bytes, 'last_net_tx_outside_bytes', p_bytes))
    FROM vps v WHERE v.tenant_id = p_tenant ORDER BY v.id LIMIT 1
$$;
CREATE FUNCTION test.traffic(p_tenant uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE traffic_states SET checked_at = '2000-01-01';
    PERFORM croft_traffic_chores('{"step":"traffic","throttle_bps":5000000}') FROM generate_series(1, 20);
    PERFORM croft_traffic_chores('{"step":"traffic_apply"}');
    RETURN (SELECT format('%s %s', s.warned_percent, s.rate_bps) FROM traffic_states s WHERE s.account_id = p_tenant);
END
$$;
CREATE FUNCTION test.traffic_events(p_tenant uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(action, ' ' ORDER BY id) FROM events WHERE tenant_id = p_tenant AND action LIKE 'traffic.%'
$$;

DO $$
DECLARE
    tess uuid := test.tenant('tess', '{"vps":null,"running_vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}');
    v_plan text;
    r test.reply;
    v uuid;
    v_included bigint;
    v_task tasks;
BEGIN
    UPDATE node_status SET online = true, last_seen_at = now() + interval '1 hour';
    r := test.api('op', 'admin_plan_create', jsonb_build_object('body', '{"name":"talker","vcpus":1,"memory_bytes":1073741824,"disk_bytes":1073741824,
        "traffic_bytes":1000000000000,"net_rate_bps":100000000,"price_month":"5","price_hour":"0.01"}'::jsonb));
    v_plan := r.body->>'id';
    INSERT INTO users (email, password_hash, name) VALUES ('tess@example.org', 'h', 'tess');
    INSERT INTO memberships (user_id, tenant_id, role) SELECT id, tess, 'owner' FROM users WHERE email = 'tess@example.org';
    r := test.api('tess', 'vps_create', jsonb_build_object('body', jsonb_build_object('name', 'talker', 'plan_id', v_plan, 'image_id', test.get('image'),
        'location_id', test.get('location'))));
    v := r.body->'vps'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    v_included := croft_traffic_included((SELECT a FROM billing_accounts a WHERE a.tenant_id = tess), now());
    PERFORM test.ok(v_included > 0, 'a plan includes traffic, by the seconds that it exists', v_included::text);

    PERFORM test.left_location(tess, v_included / 2);
    PERFORM test.is(test.traffic(tess), '0 ', 'half of it is nothing to say');
    PERFORM test.left_location(tess, v_included / 100 * 85);
    PERFORM test.is(test.traffic(tess), '80 ', 'at 80 percent it is said');
    PERFORM test.traffic(tess);
    PERFORM test.is(test.traffic_events(tess), 'traffic.warned', 'once');
    PERFORM test.is((SELECT string_agg(kind || ' ' || (args->>'percent'), ',') FROM mails WHERE to_address = 'tess@example.org'), 'traffic_warned 80', 'and mailed, once');
    PERFORM test.left_location(tess, v_included * 2);
    PERFORM test.is(test.traffic(tess), '100 ', 'who is billed for what is beyond is not throttled');
    PERFORM test.is((test.traffic_events(tess), (SELECT traffic_rate_bps FROM vps WHERE id = v))::text, '("traffic.warned traffic.used_up",)', 'but told');

    UPDATE billing_accounts SET traffic_policy = 'throttle' WHERE tenant_id = tess;
    PERFORM test.is(test.traffic(tess), '100 5000000', 'who is to be throttled is');
    SELECT * INTO v_task FROM tasks WHERE vps_id = v ORDER BY seq DESC LIMIT 1;
    PERFORM test.is((v_task.kind, v_task.spec->'rates'->>'net_bps')::text, '(vps_update,5000000)', 'its node is told the rate');
    PERFORM test.settle(v_task.id::text, 'done', 'running');
    PERFORM test.traffic(tess);
    PERFORM test.is((SELECT count(*) FROM tasks WHERE vps_id = v), 2::bigint, 'once');
    PERFORM test.is((SELECT (body::json)->>'traffic_rate_bps' FROM vps WHERE id = v), '5000000', 'its owner sees it');
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'tess@example.org'), 2::bigint, 'no second mail for the same');

    -- More is included: a larger plan, or the next month.
    PERFORM test.left_location(tess, v_included / 2);
    PERFORM test.is(test.traffic(tess), '100 ', 'released when it fits again');
    SELECT * INTO v_task FROM tasks WHERE vps_id = v ORDER BY seq DESC LIMIT 1;
    PERFORM test.is(v_task.spec->'rates'->>'net_bps', '100000000', 'the plan''s rate holds again');
    PERFORM test.settle(v_task.id::text, 'done', 'running');
    PERFORM test.left_location(tess, v_included * 3);
    PERFORM test.is(test.traffic(tess), '100 5000000', 'throttled again');
    UPDATE traffic_states SET month = month - interval '1 month', checked_at = now();
    PERFORM test.is(croft_traffic_rate(ARRAY[tess]), NULL::bigint, 'a throttle is of its month');
    PERFORM croft_traffic_chores('{"step":"traffic_apply"}');
    PERFORM test.is((SELECT traffic_rate_bps FROM vps WHERE id = v), NULL::bigint, 'it is lifted when the month is over, before anybody has counted');
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'tess@example.org'), 2::bigint, 'without mail');
    PERFORM test.traffic(tess);
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'tess@example.org'), 3::bigint, 'and in the next month it is said anew');
    r := test.api('tess', 'vps_delete', jsonb_build_object('id', v));
    PERFORM test.settle((SELECT id::text FROM tasks WHERE vps_id = v ORDER BY seq DESC LIMIT 1), 'done', 'absent');
    PERFORM test.is((SELECT status FROM tasks WHERE vps_id = v ORDER BY seq DESC LIMIT 1), 'done', 'and all of it goes');
    PERFORM test.consistent('after traffic');
END
$$;

-- billing.mode export: months that are over are charged without invoices, once.
DO $$
DECLARE
    tess uuid := (SELECT id FROM tenants WHERE name = 'tess');
    v_due int := (now() >= croft_month_start(now()) + interval '6 hours')::int;
BEGIN
    UPDATE billing_accounts SET created_at = now() - interval '40 days' WHERE tenant_id = tess;
    INSERT INTO exported_months (account_id, month, passes) SELECT tenant_id, (croft_month_start(now()) AT TIME ZONE 'UTC' - interval '1 month')::date, 2
        FROM billing_accounts WHERE tenant_id <> tess;
    PERFORM test.is(croft_export_chores('{"billing_mode":"full"}'), '{}', 'where there are invoices nothing is charged beside them');
    PERFORM test.is((croft_export_chores('{"billing_mode":"export"}')->>'accounts')::int, v_due, 'a month that is over is charged');
    PERFORM test.is((croft_export_chores('{"billing_mode":"export"}')->>'accounts')::int, 0, 'once');
    DELETE FROM exported_months;
END
$$;
