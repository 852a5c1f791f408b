-- Sign-in, tokens, quotas, ETags, idempotency, cursors.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v_session uuid;
    c record;
BEGIN
    r := test.api('nobody', 'vps_list');
    PERFORM test.is((r.status, r.code)::text, '(401,unauthenticated)', 'an unknown token is refused');
    r := test.api('ada', 'admin_tenant_list');
    PERFORM test.is((r.status, r.code)::text, '(403,forbidden)', 'a tenant is no operator');
    r := test.api('op', 'admin_tenant_list');
    PERFORM test.is((r.status, jsonb_array_length(r.body->'items'))::text, '(200,3)', 'an operator lists tenants');

    r := test.api('ada', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'ro', 'scopes', '["read"]'::jsonb,
        'token_hash', test.hash('ada-ro'), 'token_prefix', 'croft_x', 'token', 'croft_x_secret'),
        'idempotency', '{"key":"k","hash":"h"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'token')::text, '(201,croft_x_secret)', 'a token is shown once');
    q := test.api('ada', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'ro', 'scopes', '["read"]'::jsonb,
        'token_hash', test.hash('another'), 'token_prefix', 'croft_x', 'token', 'another'), 'idempotency', '{"key":"k","hash":"h"}'::jsonb));
    PERFORM test.is((q.status, q.body->'token', q.body->>'id' = r.body->>'id')::text, '(201,null,t)', 'and not in a replay');
    PERFORM test.ok(NOT EXISTS (SELECT FROM idempotency_keys WHERE body LIKE '%secret%'), 'nor is it stored');
    PERFORM test.is((test.api('ada-ro', 'vps_list')).status, 200, 'a read token reads');
    PERFORM test.is((test.vps('ada-ro', 'x')).status, 403, 'and does not write');
    PERFORM test.is((test.api('ada', 'token_delete', jsonb_build_object('id', r.body->'id'))).status, 204, 'a token is deleted');
    PERFORM test.is((test.api('ada-ro', 'vps_list')).status, 401, 'and works no more');
    PERFORM test.is((test.api('bob', 'token_delete', jsonb_build_object('id', r.body->'id'))).status, 404, 'not even for another to delete');
    r := test.api('ada', 'token_create', jsonb_build_object('body', jsonb_build_object('name', 'n', 'expires_at', '2001-13-99',
        'token_hash', test.hash('z'), 'token_prefix', 'p')));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/expires_at)', 'an expiry that is no time is refused');

    r := test.api('op', 'admin_tenant_update', jsonb_build_object('id', test.get('ada'), 'body', '{"name":"Ada"}'::jsonb));
    PERFORM test.is(r.status, 428, 'PATCH without If-Match');
    r := test.api('op', 'admin_tenant_update', jsonb_build_object('id', test.get('ada'), 'body', '{"name":"Ada"}'::jsonb, 'if_match', '"9"'));
    PERFORM test.is(r.status, 412, 'PATCH with a stale If-Match');
    r := test.api('op', 'admin_tenant_update', jsonb_build_object('id', test.get('ada'), 'body', '{"name":"Ada"}'::jsonb, 'if_match', '"1"'));
    PERFORM test.is((r.status, r.etag, r.body->>'name')::text, '(200,"""2""",Ada)', 'PATCH with the right one');
    q := test.api('op', 'admin_node_read', jsonb_build_object('id', test.get('node')));
    PERFORM test.hub(test.get('node'), test.epoch(test.get('node')), 'node_heartbeat', '{"load_milli":1}');
    r := test.api('op', 'admin_node_update', jsonb_build_object('id', test.get('node'), 'body', '{"overcommit_vcpu_percent":1000}'::jsonb,
        'if_match', q.etag));
    PERFORM test.is(r.status, 200, 'a heartbeat does not spoil the ETag of a node');

    r := test.api('op', 'admin_quota_set', jsonb_build_object('if_match', '*', 'id', test.get('ada'), 'body', '{"vps":10,"gold":1}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/gold)', 'an unknown resource has no quota');
    r := test.api('op', 'admin_quota_set', jsonb_build_object('if_match', '*', 'id', test.get('ada'), 'body', '{"vps":-1}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/vps)', 'a quota is not negative');

    SELECT * INTO c FROM croft_credentials('{"email":"Ada@Example.org","network":"192.0.2.9"}');
    PERFORM test.is(c.password_hash, 'h', 'credentials are found whatever the case');
    PERFORM test.is((SELECT count(*) FROM croft_credentials('{"email":"nobody@example.org","network":"192.0.2.9"}')), 1::bigint, 'nobody has one row, too');
    SELECT body::jsonb->>'id' INTO v_session FROM croft_session_create(jsonb_build_object('user_id', test.get('ada_user'),
        'password_hash', 'h', 'refresh_hash', test.hash('r'), 'csrf_hash', test.hash('c'), 'device_hash', test.hash('d'), 'known', false,
        'expires_in', 600, 'peer', '::1', 'network', '::/64'));
    PERFORM test.is((SELECT role FROM croft_auth_session(v_session, 'tenant', NULL, 'vps:read', NULL, NULL, NULL, '{owner,admin,member,billing,viewer}')), 'owner', 'a session is signed in');
    BEGIN
        PERFORM croft_auth_session(v_session, 'tenant', test.get('bob')::uuid, 'vps:read', NULL, NULL, NULL, '{owner,admin,member,billing,viewer}');
        PERFORM test.ok(false, 'a session does not act for a foreign tenant');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'a session does not act for a foreign tenant');
    END;
    BEGIN
        PERFORM croft_session_refresh(jsonb_build_object('refresh_hash', test.hash('r'), 'csrf_hash', test.hash('no')));
        PERFORM test.ok(false, 'a wrong CSRF token is refused');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'a wrong CSRF token is refused');
    END;
    PERFORM test.is((SELECT status FROM croft_session_refresh(jsonb_build_object('refresh_hash', test.hash('r'),
        'csrf_hash', test.hash('c')))), 200, 'a session is refreshed');
    PERFORM croft_auth_session(v_session, 'tenant', NULL, 'vps:write', '::1', 'req-2', NULL, '{owner,admin,member}');
    PERFORM test.is((SELECT status FROM croft_session_delete('{}')), 204, 'and signed out');
    BEGIN
        PERFORM croft_auth_session(v_session, 'tenant', NULL, 'vps:read', NULL, NULL, NULL, '{owner,admin,member,billing,viewer}');
        PERFORM test.ok(false, 'after which it is over');
    EXCEPTION WHEN SQLSTATE 'CR401' THEN
        PERFORM test.ok(true, 'after which it is over');
    END;
    r := test.api('ada', 'principal_read');
    PERFORM test.is((r.body->>'kind', r.body->'user'->>'email', r.body->'tenant'->>'name', r.body->>'role')::text,
        '(token,ada@example.org,Ada,owner)', 'who am I');
END
$$;
