-- The life of a vps, with its node's answers.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v text;
    i int;
    n int := 0;
    v_cursor text;
    h jsonb;
BEGIN
    r := test.vps('ada', 'web1', '{"idempotency":{"key":"one","hash":"a"}}');
    PERFORM test.is((r.status, r.body->'vps'->>'desired', r.body->'task'->>'kind')::text, '(202,running,vps_create)', 'a vps is ordered');
    v := r.body->'vps'->>'id';
    PERFORM test.is(r.location, '/v1/vps/' || v, 'with its location');
    PERFORM test.is(jsonb_array_length(r.body->'vps'->'addresses'), 2, 'with two addresses');
    q := test.vps('ada', 'web1', '{"idempotency":{"key":"one","hash":"a"}}');
    PERFORM test.is((q.status, q.body = r.body)::text, '(202,t)', 'the same key has the same answer');
    q := test.vps('ada', 'web1', '{"idempotency":{"key":"one","hash":"b"}}');
    PERFORM test.is((q.status, q.code)::text, '(422,idempotency_key_reused)', 'the same key with another body is refused');
    q := test.vps('ada', 'web1');
    PERFORM test.is((q.status, q.pointer)::text, '(409,/name)', 'a name is unique in its tenant');
    PERFORM test.is((test.vps('bob', 'web1')).status, 202, 'and free in another');

    SELECT x INTO h FROM test.hub(test.get('node'), 1, 'node_tasks', '{"after":0}') x LIMIT 1;
    PERFORM test.is((h->>'kind', h->>'vps', h->>'seq', h->'spec'->>'slot', h->'spec'->>'id_base', h->'spec'->'image'->>'name')::text,
        format('(vps_create,%s,1,0,1000000,debian-12)', v), 'its node gets the task');
    PERFORM test.hub(test.get('node'), 1, 'task_progress', jsonb_build_object('task', h->'task', 'progress', 40, 'step', 'snapshot'));
    q := test.api('ada', 'task_read', jsonb_build_object('id', h->'task'));
    PERFORM test.is((q.body->>'status', q.body->>'progress', q.body->>'step')::text, '(running,40,snapshot)', 'progress is seen');
    PERFORM test.is((test.hub(test.get('node'), 0, 'task_result', jsonb_build_object('task', h->'task', 'status', 'done',
        'observed', 'running')))->>'failed', 'CR409', 'an old epoch is fenced off');
    PERFORM test.is(test.settle(h->>'task', 'done', 'running')->>'type', 'task_confirm', 'a result is confirmed');
    PERFORM test.is(test.settle(h->>'task', 'failed', 'absent')->>'type', 'task_confirm', 'a second one, too');
    q := test.api('ada', 'vps_read', jsonb_build_object('id', v));
    PERFORM test.is((q.body->>'observed', q.body->>'observed_generation', q.body->>'task_id')::text, '(running,1,)', 'and changes nothing');
    PERFORM test.is((test.api('ada', 'task_outcome', jsonb_build_object('id', h->'task'))).status, 201, 'the outcome of a create is 201');
    PERFORM test.is((test.api('bob', 'vps_read', jsonb_build_object('id', v))).status, 404, 'another tenant sees nothing');
    PERFORM test.is((test.api('bob', 'vps_delete', jsonb_build_object('id', v))).status, 404, 'deletes nothing');
    PERFORM test.is((test.api('bob', 'task_read', jsonb_build_object('id', h->'task'))).status, 404, 'reads no task');
    PERFORM test.consistent('after a create');

    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.body->'vps'->>'generation', r.body->'task'->>'kind')::text, '(202,2,vps_stop)', 'stop');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    r := test.api('ada', 'vps_update', jsonb_build_object('id', v, 'body', '{"name":"web2"}'::jsonb,
        'if_match', (test.api('ada', 'vps_read', jsonb_build_object('id', v))).etag));
    PERFORM test.is((r.status, r.body->>'name', r.body->>'observed')::text, '(200,web2,stopped)', 'rename');

    -- A start that keeps failing is tried five times, then rests.
    r := test.api('ada', 'vps_start', jsonb_build_object('id', v));
    FOR i IN 1..10 LOOP
        SELECT task_id::text INTO v_cursor FROM vps WHERE id = v::uuid;
        EXIT WHEN v_cursor IS NULL;
        n := n + 1;
        PERFORM test.settle(v_cursor, 'failed', 'stopped');
        UPDATE vps SET retry_at = now() WHERE id = v::uuid AND retry_at IS NOT NULL;
        PERFORM croft_housekeeping('{}');
    END LOOP;
    PERFORM test.is(n, 5, 'a start that fails is tried five times');
    q := test.api('ada', 'vps_read', jsonb_build_object('id', v));
    PERFORM test.is((q.body->'error'->>'code', q.body->>'task_id')::text, '(disk_full,)', 'and rests with its reason');

    -- A create that fails is taken back.
    r := test.vps('ada', 'fails');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'absent');
    q := test.api('ada', 'vps_read', jsonb_build_object('id', r.body->'vps'->'id'));
    PERFORM test.is((q.body->>'desired', q.body->'error'->>'code')::text, '(deleted,disk_full)', 'a failed create is to be deleted');
    PERFORM test.settle(q.body->>'task_id', 'done', 'absent');
    q := test.api('ada', 'vps_read', jsonb_build_object('id', r.body->'vps'->'id'));
    PERFORM test.is(q.status, 404, 'and is gone when its node says so');
    q := test.api('ada', 'task_read', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.body->>'status', q.body->'error'->>'code')::text, '(failed,disk_full)', 'its task tells why');
    PERFORM test.consistent('after a failed create');

    r := test.vps('ada', 'again');
    PERFORM test.is((SELECT slot FROM vps WHERE id = (r.body->'vps'->>'id')::uuid), 2, 'the smallest free range is used again');
    -- Deleted while its create runs: both tasks stand, in order.
    q := test.api('ada', 'vps_delete', jsonb_build_object('id', r.body->'vps'->'id'));
    PERFORM test.is((q.status, q.body->'task'->>'kind')::text, '(202,vps_delete)', 'delete during create');
    PERFORM test.is((test.api('ada', 'vps_start', jsonb_build_object('id', r.body->'vps'->'id'))).status, 409, 'no start any more');
    PERFORM test.is((test.api('ada', 'vps_delete', jsonb_build_object('id', r.body->'vps'->'id'))).body->'task'->>'id',
        q.body->'task'->>'id', 'deleting twice is one task');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'absent');
    PERFORM test.is((test.api('ada', 'vps_read', jsonb_build_object('id', r.body->'vps'->'id'))).status, 404, 'gone');
    PERFORM test.consistent('after a delete');

    -- Unknown references name their place.
    PERFORM test.is((x.status, x.pointer)::text, format('(422,/%s)', f), 'a create with an unknown ' || f)
    FROM unnest(ARRAY['plan_id', 'image_id', 'location_id']) f, test.api('ada', 'vps_create', jsonb_build_object('body',
        jsonb_build_object('name', 'x', 'plan_id', test.get('plan'), 'image_id', test.get('image'),
            'location_id', test.get('location')) || jsonb_build_object(f, croft_uuid()))) x;

    FOR i IN 1..7 LOOP
        PERFORM test.vps('bob', 'list' || i);
    END LOOP;
    n := 0;
    v_cursor := NULL;
    LOOP
        r := test.api('bob', 'vps_list', jsonb_build_object('query', jsonb_build_object('limit', 3, 'cursor', v_cursor)));
        n := n + jsonb_array_length(r.body->'items');
        v_cursor := r.body->>'next_cursor';
        PERFORM test.is(r.location, v_cursor, 'location carries the next cursor');
        EXIT WHEN v_cursor IS NULL OR n > 100;
    END LOOP;
    PERFORM test.is(n, 8, 'pages cover every vps once');
    r := test.api('bob', 'vps_list', '{"query":{"cursor":"rubbish"}}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/cursor)', 'a cursor is checked');
    r := test.api('op', 'admin_event_list', '{"query":{"limit":2}}');
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->'actor'->>'type')::text, '(2,token)', 'events tell who');
    r := test.api('op', 'admin_event_list', jsonb_build_object('query', jsonb_build_object('limit', 2, 'cursor', r.location)));
    PERFORM test.is(jsonb_array_length(r.body->'items'), 2, 'events have a next page');
    r := test.api('op', 'admin_vps_list', jsonb_build_object('query', jsonb_build_object('tenant_id', test.get('ada'))));
    PERFORM test.is(jsonb_array_length(r.body->'items'), 1, 'operators filter by tenant');
    PERFORM test.is((test.api('op', 'admin_image_delete', jsonb_build_object('id', test.get('image')))).status, 409, 'an image in use stays');
    PERFORM test.is((test.api('op', 'admin_pool_delete', jsonb_build_object('id',
        (SELECT id FROM pools WHERE name = 'v4')))).status, 409, 'a pool in use stays');
END
$$;

-- Every list and read answers 200 under its role.
SELECT test.is((test.api(CASE s.role WHEN 'croft_operator' THEN 'op' ELSE 'ada' END, s.name)).status, 200, 'answers: ' || s.name)
FROM test.statements s WHERE s.role IN ('croft_tenant', 'croft_operator') AND s.name LIKE '%\_list' AND s.name NOT IN ('admin_quota_list', 'snapshot_list', 'port_forward_list', 'webhook_delivery_list', 'admin_plan_version_list', 'child_quota_list', 'price_book_version_list', 'admin_price_book_version_list', 'child_invoice_list', 'child_payment_list', 'admin_ledger_list',
    'admin_plan_viewers_list', 'admin_image_viewers_list', 'admin_quota_holder_list', 'admin_orphan_list', 'admin_drift_list');
SELECT test.is((test.api('ada', 'plan_read', jsonb_build_object('id', test.get('plan')))).status, 200, 'answers: plan_read');
SELECT test.is((test.api('ada', 'image_read', jsonb_build_object('id', test.get('image')))).status, 200, 'answers: image_read');
SELECT test.is((test.api('ada', 'location_read', jsonb_build_object('id', test.get('location')))).status, 200, 'answers: location_read');
SELECT test.is((test.api('op', 'admin_quota_list', jsonb_build_object('id', test.get('ada')))).status, 200, 'answers: admin_quota_list');

-- The tenant boundary without any WHERE.
DO $$
DECLARE
    t text;
    n bigint;
BEGIN
    PERFORM croft_enter(test.get('ada')::uuid, test.get('ada_user')::uuid, 'owner', NULL, NULL, NULL, NULL, NULL);
    FOREACH t IN ARRAY ARRAY['vps', 'tasks', 'quotas', 'memberships', 'events', 'usage_hours'] LOOP
        PERFORM set_config('role', 'croft_tenant', true);
        EXECUTE format('SELECT count(*) FROM %I WHERE tenant_id IS DISTINCT FROM croft_tenant_id()', t) INTO n;
        PERFORM set_config('role', 'none', true);
        PERFORM test.is(n, 0::bigint, 'a bare SELECT shows nothing foreign: ' || t);
        PERFORM set_config('croft.tenant', '', true);
        PERFORM set_config('role', 'croft_tenant', true);
        EXECUTE format('SELECT count(*) FROM %I', t) INTO n;
        PERFORM set_config('role', 'none', true);
        PERFORM test.is(n, 0::bigint, 'and nothing at all without a context: ' || t);
        PERFORM set_config('croft.tenant', test.get('ada'), true);
    END LOOP;
    PERFORM set_config('role', 'croft_tenant', true);
    SELECT count(*) INTO n FROM tenants;
    PERFORM set_config('role', 'none', true);
    PERFORM test.is(n, 1::bigint, 'a tenant sees itself alone');
    BEGIN
        PERFORM set_config('role', 'croft_tenant', true);
        UPDATE vps SET name = 'mine';
        PERFORM set_config('role', 'none', true);
        PERFORM test.ok(false, 'a tenant cannot write a table');
    EXCEPTION WHEN insufficient_privilege THEN
        PERFORM test.ok(true, 'a tenant cannot write a table');
    END;
    BEGIN
        PERFORM set_config('role', 'croft_definer', true);
        UPDATE events SET action = 'x';
        PERFORM set_config('role', 'none', true);
        PERFORM test.ok(false, 'nobody rewrites events');
    EXCEPTION WHEN insufficient_privilege THEN
        PERFORM test.ok(true, 'nobody rewrites events');
    END;
    BEGIN
        UPDATE tasks SET status = 'queued', ended_at = NULL WHERE status = 'done';
        PERFORM test.ok(false, 'a task that is done stays done');
    EXCEPTION WHEN check_violation THEN
        PERFORM test.ok(true, 'a task that is done stays done');
    END;
END
$$;
