-- Orders of a vps that exists: the matrix, cancel, hold, resize, addresses.

-- An open task of that kind, as the matrix names it, of a fresh vps that runs.
CREATE FUNCTION test.open_as(p_name text, p_open text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
    v vps;
    t tasks;
BEGIN
    r := test.vps('ada', p_name);
    SELECT * INTO v FROM vps WHERE id = (r.body->'vps'->>'id')::uuid;
    IF p_open = 'vps_create' THEN
        RETURN v.id;
    END IF;
    PERFORM test.settle(v.task_id::text, 'done', 'running');
    IF p_open = 'resize' THEN
        PERFORM test.api('ada', 'vps_resize', jsonb_build_object('id', v.id, 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
        RETURN v.id;
    END IF;
    SELECT * INTO v FROM vps WHERE id = v.id;
    v.generation := v.generation + 1;
    PERFORM croft_running_move(v, CASE p_open WHEN 'vps_delete' THEN 'deleted' ELSE v.desired END);
    v.desired := CASE p_open WHEN 'vps_delete' THEN 'deleted' ELSE v.desired END;
    t := croft_task_add(v, p_open, NULL, croft_vps_before(v));
    UPDATE vps SET task_id = t.id, generation = v.generation, desired = v.desired WHERE id = v.id;
    RETURN v.id;
END
$$;

-- Gives an order as the API does; those of the snapshots' functions are checked by themselves.
CREATE FUNCTION test.order(p_vps text, p_ordered text) RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.api('ada', CASE p_ordered WHEN 'update' THEN 'vps_hostname' ELSE 'vps_' || p_ordered END,
        jsonb_build_object('id', p_vps, 'body', CASE p_ordered
            WHEN 'update' THEN '{"hostname":"other"}'::jsonb
            WHEN 'password' THEN '{"password_hash":"$6$a$b"}'
            WHEN 'resize' THEN jsonb_build_object('plan_id', test.get('plan_big2'))
            ELSE '{}' END))
$$;

DO $$
DECLARE
    p plans_now;
    m record;
    v text;
    r test.reply;
    v_first tasks;
    v_wrong int := 0;
    v_seen int := 0;
    n int := 0;
BEGIN
    UPDATE node_status SET last_seen_at = now() + interval '1 hour';
    FOR p IN SELECT * FROM plans_now WHERE name = 's1' LOOP
        PERFORM test.set('plan_big', (test.api('op', 'admin_plan_create', jsonb_build_object('body', (to_jsonb(p) - 'id')
            || jsonb_build_object('name', 'big', 'vcpus', p.vcpus + 1, 'memory_bytes', p.memory_bytes * 2,
                'disk_bytes', p.disk_bytes * 2, 'price_month', '1', 'price_hour', '0')))).body->>'id');
        PERFORM test.set('plan_big2', (test.api('op', 'admin_plan_create', jsonb_build_object('body', (to_jsonb(p) - 'id')
            || jsonb_build_object('name', 'big2', 'vcpus', p.vcpus, 'price_month', '1', 'price_hour', '0')))).body->>'id');
    END LOOP;
    PERFORM test.ok(test.get('plan_big') IS NOT NULL, 'a plan to grow into');

    FOR m IN SELECT * FROM order_matrix
        WHERE ordered IN ('start', 'stop', 'reboot', 'freeze', 'thaw', 'update', 'resize', 'password', 'delete')
        ORDER BY open, ordered
    LOOP
        n := n + 1;
        v := test.open_as('m' || n, m.open);
        SELECT * INTO v_first FROM tasks WHERE id = (SELECT task_id FROM vps WHERE id = v::uuid);
        r := test.order(v, m.ordered);
        IF m.open = 'vps_delete' AND m.ordered = 'delete' THEN
            v_wrong := v_wrong + (r.status <> 202 OR r.body->'task'->>'id' <> v_first.id::text)::int;
        ELSIF m.verdict = 'conflict' THEN
            v_wrong := v_wrong + (r.status <> 409 OR r.code IS DISTINCT FROM 'conflict')::int;
        ELSE
            v_wrong := v_wrong + (r.status <> 202)::int;
            SELECT * INTO v_first FROM tasks WHERE id = v_first.id;
            v_wrong := v_wrong + ((v_first.status = 'cancelled') <> (m.verdict = 'supersede'))::int;
        END IF;
        IF v_wrong > v_seen THEN
            PERFORM test.ok(false, format('%s while %s is open: %s', m.ordered, m.open, m.verdict), r::text);
            v_seen := v_wrong;
        END IF;
        -- The end of what is open, in order; then the vps goes.
        FOR v_first IN SELECT * FROM tasks WHERE vps_id = v::uuid AND ended_at IS NULL ORDER BY seq LOOP
            PERFORM test.settle(v_first.id::text, 'done', CASE v_first.kind WHEN 'vps_delete' THEN 'absent' ELSE 'running' END);
        END LOOP;
        r := test.api('ada', 'vps_delete', jsonb_build_object('id', v));
        IF r.status = 202 THEN
            PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
        END IF;
    END LOOP;
    PERFORM test.is((n, v_wrong)::text, format('(%s,0)', n), 'every line of the matrix holds');
    PERFORM test.ok(n >= 9 * 8, 'and it has a line for each');
    PERFORM test.consistent('after every pair of orders');
END
$$;

DO $$
DECLARE
    r test.reply;
    q test.reply;
    v text;
    w text;
    a text;
    n int;
BEGIN
    v := test.open_as('ops', 'vps_create');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'running');

    -- Cancel
    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    q := test.api('bob', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is(q.status, 404, 'nobody cancels another tenant''s task');
    q := test.api('ada', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.status, q.body->>'status', q.body->'error'->>'code')::text, '(200,cancelled,cancelled)', 'a queued task is cancelled');
    PERFORM test.is((SELECT desired FROM vps WHERE id = v::uuid), 'running', 'what it changed is as before');
    SELECT count(*) INTO n FROM test.hub(test.get('node'), (SELECT epoch FROM node_status WHERE node_id = test.get('node')::uuid), 'node_tasks',
        '{"after":0}') x WHERE x->>'type' = 'task_cancel' AND x->'task' = r.body->'task'->'id';
    PERFORM test.is(n, 1, 'its node is told');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.ok((SELECT cancel_sent FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'until it has answered');
    PERFORM test.is((test.api('ada', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'once');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'running');
    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.hub(test.get('node'), (SELECT epoch FROM node_status WHERE node_id = test.get('node')::uuid), 'task_progress', jsonb_build_object('task', r.body->'task'->'id', 'progress', 10, 'step', 'stop'));
    PERFORM test.is((test.api('ada', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'one that runs is not cancelled');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    r := test.api('ada', 'vps_freeze', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.code)::text, '(409,conflict)', 'what is off cannot be frozen');
    r := test.api('ada', 'vps_start', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('ada', 'vps_freeze', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.body->'vps'->>'frozen')::text, '(202,true)', 'freeze');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.is(r.body->'vps'->>'frozen', 'false', 'a stop thaws');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');

    -- Resize
    r := test.api('ada', 'vps_resize', jsonb_build_object('id', v, 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
    PERFORM test.is(r.status, 202, 'a resize is ordered');
    PERFORM test.consistent('while it is under way');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'stopped');
    q := test.api('ada', 'vps_read', jsonb_build_object('id', v));
    PERFORM test.is(q.body->'plan_id' <> to_jsonb(test.get('plan_big')), true, 'one that fails leaves the plan as it was');
    PERFORM test.consistent('after it was taken back');
    PERFORM test.settle(q.body->>'task_id', 'done', 'stopped');
    r := test.api('ada', 'vps_resize', jsonb_build_object('id', v, 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.consistent('after it was done');
    w := (SELECT id FROM plans_now WHERE name = 's1');
    r := test.api('ada', 'vps_resize', jsonb_build_object('id', v, 'body', jsonb_build_object('plan_id', w)));
    PERFORM test.consistent('while one to less is under way');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.consistent('after one to less');
    -- A node that says a vps is gone before it has said how the resize went.
    n := 0;
    FOREACH w IN ARRAY ARRAY['failed', 'done'] LOOP
        q := test.vps('ada', 'gone-' || w);
        PERFORM test.settle(q.body->'task'->>'id', 'done', 'running');
        r := test.api('ada', 'vps_resize', jsonb_build_object('id', q.body->'vps'->>'id', 'body', jsonb_build_object('plan_id', test.get('plan_big'))));
        a := r.body->'task'->>'id';
        r := test.api('ada', 'vps_delete', jsonb_build_object('id', q.body->'vps'->>'id'));
        PERFORM test.is(r.status, 202, 'a vps is deleted while it is resized');
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
        PERFORM test.settle(a, w, 'absent');
        PERFORM test.consistent('after a delete that was told before a resize that ' || w);
        n := n + 1;
    END LOOP;
    PERFORM test.is(n, 2, 'both ends of it');
    w := (SELECT id FROM plans_now WHERE name = 's1');
    PERFORM test.is((SELECT plan_id::text FROM vps WHERE id = v::uuid), w, 'the plan is the smaller one');

    -- Addresses
    r := test.api('ada', 'vps_address_add', jsonb_build_object('id', v, 'body', '{"family":4}'::jsonb));
    PERFORM test.is((r.status, jsonb_array_length(r.body->'vps'->'addresses'))::text, '(202,3)', 'an address more');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    a := r.body->'vps'->'addresses'->2->>'address';
    r := test.api('ada', 'vps_address_remove', jsonb_build_object('id', v, 'query', jsonb_build_object('address', a)));
    PERFORM test.is((r.status, jsonb_array_length(r.body->'vps'->'addresses'))::text, '(202,2)', 'and one less');
    PERFORM test.is((SELECT vps_id::text FROM addresses WHERE address = a::inet), v, 'which nobody else gets');
    PERFORM test.consistent('until its node has given it up');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.is((SELECT vps_id FROM addresses WHERE address = a::inet), NULL, 'then it is free');
    PERFORM test.consistent('and not counted');
    PERFORM test.is((test.api('ada', 'vps_address_remove', jsonb_build_object('id', v, 'query', jsonb_build_object('address', a)))).status,
        404, 'an address that is not there');

    -- Keys and password
    r := test.api('ada', 'vps_ssh_keys', jsonb_build_object('id', v, 'body', '{"add":["a","b","a"]}'::jsonb));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    r := test.api('ada', 'vps_ssh_keys', jsonb_build_object('id', v, 'body', '{"add":["c"],"remove":["a"]}'::jsonb));
    PERFORM test.is(r.body->'vps'->'ssh_keys', '["b","c"]'::jsonb, 'keys are added and removed');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    r := test.api('ada', 'vps_password', jsonb_build_object('id', v, 'body', '{"password_hash":"$6$s$h","shown":"plain"}'::jsonb,
        'idempotency', '{"key":"pw","hash":"x"}'::jsonb));
    PERFORM test.is(r.body->>'password', 'plain', 'a password that was made is shown');
    q := test.api('ada', 'vps_password', jsonb_build_object('id', v, 'body', '{"password_hash":"$6$s$h","shown":"other"}'::jsonb,
        'idempotency', '{"key":"pw","hash":"x"}'::jsonb));
    PERFORM test.is((q.status, q.body->>'password')::text, '(202,)', 'once');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'stopped');
    PERFORM test.is((SELECT args::text || (SELECT attempts FROM vps WHERE id = v::uuid) FROM tasks WHERE id = (r.body->'task'->>'id')::uuid),
        '{}0', 'and nothing of it is kept or tried again');
    PERFORM test.ok(NOT EXISTS (SELECT FROM events WHERE data::text ~ 'plain|\$6\$') AND NOT EXISTS
        (SELECT FROM idempotency_keys WHERE body ~ 'plain|\$6\$'), 'nor in the audit log');

    -- Hold
    r := test.api('ada', 'vps_delete', jsonb_build_object('id', v, 'query', '{"hold":3600}'::jsonb));
    PERFORM test.is((r.status, r.body->'task'->>'kind', r.body->'vps'->>'desired')::text, '(202,vps_stop,stopped)', 'a delete with a hold stops it');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.is((test.order(v, 'start')).code, 'conflict', 'it takes no orders');
    r := test.api('ada', 'vps_undelete', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.body->'vps'->>'desired', r.body->'vps'->>'delete_after')::text, '(202,stopped,)', 'undelete');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.is((test.api('ada', 'vps_undelete', jsonb_build_object('id', v))).status, 409, 'what is not deleted is not undeleted');
    r := test.api('ada', 'vps_delete', jsonb_build_object('id', v, 'query', '{"hold":1}'::jsonb));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    UPDATE vps SET delete_after = now() WHERE id = v::uuid;
    PERFORM croft_housekeeping('{}');
    SELECT task_id INTO w FROM vps WHERE id = v::uuid;
    PERFORM test.is((SELECT kind FROM tasks WHERE id = w::uuid), 'vps_delete', 'when its time is over it is deleted');
    PERFORM test.settle(w, 'done', 'absent');
    PERFORM test.is((test.api('ada', 'vps_read', jsonb_build_object('id', v))).status, 404, 'and gone');
    r := test.vps('ada', 'held-early');
    v := r.body->'vps'->>'id';
    w := r.body->'task'->>'id';
    r := test.api('ada', 'vps_delete', jsonb_build_object('id', v, 'query', '{"hold":3600}'::jsonb));
    PERFORM test.is(r.status, 202, 'a vps that is being made is deleted with a hold');
    PERFORM test.settle(w, 'failed', 'absent');
    PERFORM test.is((SELECT (desired, delete_after)::text FROM vps WHERE id = v::uuid), '(deleted,)', 'when it could not be made nothing is held');
    PERFORM test.is((test.api('ada', 'vps_undelete', jsonb_build_object('id', v))).status, 409, 'nor brought back');
    PERFORM test.settle(k.id::text, 'done', 'absent') FROM (SELECT id FROM tasks WHERE vps_id = v::uuid AND ended_at IS NULL ORDER BY seq) k;
    PERFORM test.consistent('after all of it');
END
$$;

-- Keys that are kept.
DO $$
DECLARE
    v_key text := 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq1k2b3o4p5q6r7s8t9u0v1w2x3y4z5A6B7C8D9E0F1';
    r test.reply;
    q test.reply;
    one record;
BEGIN
    r := test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'laptop', 'public_key', v_key || ' ada@desk'),
        'idempotency', '{"key":"k1","hash":"h"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'fingerprint')::text, '(201,SHA256:' || rtrim(encode(sha256(decode(split_part(v_key, ' ', 2), 'base64')), 'base64'), '=') || ')',
        'a key is kept with its fingerprint');
    q := test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'laptop', 'public_key', v_key || ' ada@desk'),
        'idempotency', '{"key":"k1","hash":"h"}'::jsonb));
    PERFORM test.is(q.body->>'id', r.body->>'id', 'once, however often it is asked');
    q := test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'other', 'public_key', v_key || ' another comment')));
    PERFORM test.is((q.status, q.pointer)::text, '(409,/public_key)', 'the same key under another name is the same');
    FOR one IN SELECT * FROM (VALUES ('no key'), ('ssh-ed25519'), ('ssh-ed25519 !!!!'), ('ssh-ed25519 AAAA'), ('ssh-dss AAAAB3NzaC1kc3MAAAAA'), ('ssh-rsa ' || split_part(v_key, ' ', 2)),
        ('ssh-ed25519  ' || split_part(v_key, ' ', 2)), ('command="x" ' || v_key), ('ssh-ed25519 ' || left(split_part(v_key, ' ', 2), 21))) x (text)
    LOOP
        q := test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'bad', 'public_key', one.text)));
        PERFORM test.is((q.status, q.pointer)::text, '(422,/public_key)', 'this is no key: ' || one.text);
    END LOOP;
    q := test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'laptop', 'public_key', replace(v_key, 'E0F1', 'E0F2'))));
    PERFORM test.is((q.status, q.pointer)::text, '(409,/name)', 'a name is there once');
    PERFORM test.is((test.api('bob', 'ssh_key_read', jsonb_build_object('id', r.body->'id'))).status, 404, 'another tenant does not see it');
    PERFORM test.is((test.api('bob', 'ssh_key_delete', jsonb_build_object('id', r.body->'id'))).status, 404, 'nor takes it away');
    PERFORM test.is((test.api('ada', 'ssh_key_list', '{}')).body->'items'->0, r.body, 'a list has it');
    PERFORM test.is((test.api('ada', 'ssh_key_delete', jsonb_build_object('id', r.body->'id'))).status, 204, 'it is deleted');
    PERFORM test.is((test.api('ada', 'ssh_key_read', jsonb_build_object('id', r.body->'id'))).status, 404, 'and gone');
    INSERT INTO ssh_keys (tenant_id, name, public_key, fingerprint)
        SELECT test.get('ada')::uuid, 'key ' || i, v_key, 'SHA256:' || rtrim(encode(sha256(i::text::bytea), 'base64'), '=') FROM generate_series(1, 100) i;
    PERFORM test.is((test.api('ada', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'more', 'public_key', v_key)))).status, 409, 'a hundred are enough');
    DELETE FROM ssh_keys;
    PERFORM test.api('bob', 'ssh_key_create', jsonb_build_object('body', jsonb_build_object('name', 'bobs', 'public_key', v_key)));
END
$$;
