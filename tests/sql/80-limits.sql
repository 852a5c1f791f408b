-- What an attacker, a broken clock or an unlucky moment may try.
DO $$
DECLARE
    r test.reply;
    v_write text;
    v_node uuid;
    v_root uuid := croft_root();
BEGIN
    -- Numbers as large as the contract allows.
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"giant","vcpus":1024,"memory_bytes":9007199254740991,"swap_bytes":9007199254740991,'
        '"disk_bytes":9007199254740991,"pids":4194304,"traffic_bytes":9007199254740991}}');
    PERFORM test.is(r.status, 201, 'a plan as large as the contract allows');
    r := test.vps('ada', 'giant', jsonb_build_object('body', jsonb_build_object('name', 'giant', 'plan_id', r.body->>'id',
        'image_id', test.get('image'), 'location_id', test.get('location'))));
    PERFORM test.is((r.status, r.code)::text, '(409,no_capacity)', 'fits no node, and overflows nothing');
    r := test.api('op', 'admin_node_update', jsonb_build_object('id', test.get('node'), 'if_match', '*', 'body',
        '{"overcommit_memory_percent":10000,"overcommit_disk_percent":10000}'::jsonb));
    PERFORM test.is((r.status, r.body->>'overcommit_disk_percent')::text, '(200,10000)', 'overcommit as the contract allows');
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', test.get('node'), 'if_match', '*', 'body',
        '{"overcommit_memory_percent":100,"overcommit_disk_percent":100}'::jsonb));

    -- Ranges that cannot be routed to a guest.
    PERFORM test.is((x.status, x.pointer)::text, '(422,/cidr)', 'no pool of ' || c)
    FROM unnest(ARRAY['0.0.0.0/24', '127.1.0.0/16', '169.254.0.0/24', '224.0.0.0/24', '255.255.255.0/24', '::/64',
        '::ffff:10.0.0.0/112', 'fe80::/64', 'fec0::/64', 'ff02::/64']) c,
        test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'cidr', c,
            'location_id', test.get('location')))) x;
    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'v6-2', 'cidr', 'fd84::/48',
        'location_id', test.get('location'))));
    PERFORM test.is((r.status, r.body->>'size')::text, '(201,4611686018427387902)', 'the size of a pool is a whole number');
    PERFORM test.api('op', 'admin_pool_delete', jsonb_build_object('id', r.body->>'id'));

    -- Tokens: nobody gives what they do not have.
    INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix, scopes)
        VALUES (test.get('ada')::uuid, test.get('ada_user')::uuid, 'w', test.hash('ada write'), 't', '{tokens:write}');
    r := test.api('ada write', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'more', 'scopes', '["read"]'::jsonb,
        'token_hash', test.hash('more'), 'token_prefix', 't')));
    PERFORM test.is((r.status, r.pointer)::text, '(403,/scopes/0)', 'a token gives no scope that it lacks');
    r := test.api('ada write', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'same',
        'token_hash', test.hash('same'), 'token_prefix', 't')));
    PERFORM test.is((r.status, r.body->'scopes')::text, '(201,"[""tokens:write""]")', 'unless told, it gives its own');
    PERFORM test.is((test.api('ada write', 'session_delete')).status, 204, 'a token signs itself out');
    PERFORM test.is((test.api('ada write', 'session_delete')).status, 401, 'and is over');
    UPDATE memberships SET role = 'member' WHERE user_id = test.get('ada_user')::uuid;
    PERFORM test.is((test.api('ada', 'token_delete', jsonb_build_object('id', r.body->>'id'))).status, 204, 'a member revokes its own token');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (test.get('ada')::uuid, 'billing', test.hash('ada billing'), 't');
    PERFORM test.is((test.api('ada', 'token_delete', jsonb_build_object('id', (SELECT id FROM tokens
        WHERE token_hash = test.hash('ada billing'))))).status, 403, 'and no other');
    UPDATE memberships SET role = 'owner' WHERE user_id = test.get('ada_user')::uuid;
    PERFORM test.is((test.api('ada', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'token_hash', test.hash('x'),
        'token_prefix', 't', 'expires_at', '2030-01-01T00:00:00+16:00')))).pointer, '/expires_at', 'a time zone beyond any');
    PERFORM test.is((test.api('ada', 'vps_usage', jsonb_build_object('id', test.get('meter'), 'query',
        '{"from":"2030-01-01T00:00:00+99:99"}'::jsonb))).status, CASE WHEN EXISTS (SELECT FROM vps WHERE id = test.get('meter')::uuid
        AND tenant_id = test.get('ada')::uuid AND deleted_at IS NULL) THEN 422 ELSE 404 END, 'of a range, too');

    -- The root may use everything, counts itself by its children, and is not in everybody's way.
    PERFORM test.is((SELECT count(*) FROM quotas WHERE tenant_id = v_root), 0::bigint, 'the root has no quota to lock');
    PERFORM test.is((test.api('op', 'admin_quota_set', jsonb_build_object('if_match', '*', 'id', v_root, 'body', '{"vps":1}'::jsonb))).status, 409,
        'and takes none');
    r := test.api('op', 'admin_quota_list', jsonb_build_object('id', v_root));
    PERFORM test.is((SELECT (x->>'used')::bigint FROM jsonb_array_elements(r.body->'items') x WHERE x->>'resource' = 'vps'),
        (SELECT count(*) FROM vps WHERE deleted_at IS NULL AND lost_at IS NULL), 'what it shows as used is what there is');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (v_root, 'root', test.hash('root'), 't');
    r := test.vps('root', 'ours');
    PERFORM test.is(r.status, 202, 'the operator''s own tenant has vps');
    PERFORM test.is((test.vps('root', 'ours')).pointer, '/name', 'whose names are unique');
    PERFORM test.consistent('with a vps of the root');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'absent');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = (r.body->'vps'->>'id')::uuid), 'done', 'absent');
    PERFORM test.consistent('without it');

    -- A node that may not speak any more comes back under its name with a new token, and with nothing less.
    v_node := test.node('phoenix', test.get('location')::uuid, 1, 1073741824, 1073741824);
    PERFORM test.api('op', 'admin_join_token_create', jsonb_build_object('body', jsonb_build_object('location_id', test.get('location'),
        'token_hash', test.hash('join again'), 'token_prefix', 'croft_join')));
    BEGIN
        PERFORM croft_node_join(test.hash('join again'), test.hash('key again'), 'phoenix', NULL);
        PERFORM test.ok(false, 'the name of a node with a certificate is taken');
    EXCEPTION WHEN SQLSTATE 'CR409' THEN
        PERFORM test.ok(true, 'the name of a node with a certificate is taken');
    END;
    PERFORM test.api('op', 'admin_node_revoke', jsonb_build_object('id', v_node));
    BEGIN
        PERFORM croft_node_join(test.hash('join phoenix'), test.hash('key phoenix'), 'phoenix', NULL);
        PERFORM test.ok(false, 'a revoked node''s old token is worth nothing');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'a revoked node''s old token is worth nothing');
    END;
    PERFORM test.is(croft_node_join(test.hash('join again'), test.hash('key again'), 'phoenix', NULL), v_node, 'a new token makes it the same node');
    UPDATE nodes SET state = 'draining' WHERE id = v_node; -- out of the way of the races
END
$$;
