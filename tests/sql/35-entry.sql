-- The short way in of reads: exactly the tokens that the full way lets in, and no right without a row.
CREATE FUNCTION test.enters(p_token text, p_tenant text DEFAULT NULL, p_scope text DEFAULT 'vps:read',
    p_roles text[] DEFAULT '{owner,admin,member,billing,viewer}') RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_rows bigint;
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    EXECUTE 'SELECT count(*) FROM (' || test.statement('token_enter') || ') entered' INTO v_rows
        USING test.hash(p_token), p_tenant::uuid, p_scope, p_roles, '192.0.2.9';
    PERFORM set_config('role', 'none', true);
    RETURN v_rows = 1;
END
$$;

DO $$
DECLARE
    r test.reply;
BEGIN
    UPDATE tokens SET entry_role = NULL WHERE token_hash = test.hash('ada');
    PERFORM test.ok(NOT test.enters('ada'), 'a token that was not let in yet takes the full way');
    r := test.api('ada', 'vps_list');
    PERFORM test.is(r.status, 200, 'which notes the role');
    PERFORM test.ok(NOT stale, 'and the use') FROM token_access WHERE token_hash = test.hash('ada');
    UPDATE tokens SET last_used_at = now() - interval '61 s' WHERE token_hash = test.hash('ada');
    PERFORM test.ok(stale, 'which is stale after a minute') FROM token_access WHERE token_hash = test.hash('ada');
    PERFORM test.ok(test.enters('ada'), 'then the short way is open');
    PERFORM test.ok(test.enters('ada', test.get('ada')), 'also with the tenant named');
    PERFORM test.ok(NOT test.enters('ada', test.get('bob')), 'not as another tenant');
    PERFORM test.ok(NOT test.enters('nobody'), 'not for an unknown token');

    UPDATE tokens SET revoked_at = now() WHERE token_hash = test.hash('ada');
    PERFORM test.ok(NOT test.enters('ada'), 'not for a revoked token');
    UPDATE tokens SET revoked_at = NULL, expires_at = now() - interval '1 s' WHERE token_hash = test.hash('ada');
    PERFORM test.ok(NOT test.enters('ada'), 'not for an expired token');
    UPDATE tokens SET expires_at = NULL, scopes = '{tasks:read,images:write}' WHERE token_hash = test.hash('ada');
    PERFORM test.ok(NOT test.enters('ada'), 'not without the scope');
    PERFORM test.ok(test.enters('ada', NULL, 'tasks:read'), 'with it');
    PERFORM test.ok(test.enters('ada', NULL, 'images:read'), 'also with the one that writes');
    PERFORM test.ok(NOT test.enters('ada', NULL, 'tasks:read', '{billing,viewer}'), 'not with a role that may not');
    UPDATE tokens SET addresses = '{198.51.100.0/24,2001:db8::/32}' WHERE token_hash = test.hash('ada');
    PERFORM test.ok(NOT test.enters('ada', NULL, 'tasks:read'), 'not from elsewhere');
    UPDATE tokens SET addresses = '{198.51.100.0/24,192.0.2.8/31}' WHERE token_hash = test.hash('ada');
    PERFORM test.ok(test.enters('ada', NULL, 'tasks:read'), 'from one of its ranges');
    UPDATE tokens SET addresses = NULL WHERE token_hash = test.hash('ada');
    UPDATE tokens SET scopes = '{read,write}' WHERE token_hash = test.hash('ada');
    UPDATE users SET state = 'disabled' WHERE id = test.get('ada_user')::uuid;
    PERFORM test.ok(NOT test.enters('ada'), 'not for a disabled user');
    UPDATE users SET state = 'active' WHERE id = test.get('ada_user')::uuid;
    PERFORM test.api('ada', 'vps_list');
    PERFORM test.ok(test.enters('ada'), 'for one who is enabled again');
    DELETE FROM memberships WHERE user_id = test.get('ada_user')::uuid;
    PERFORM test.ok(NOT test.enters('ada'), 'not for who is no member any more');
    INSERT INTO memberships (user_id, tenant_id, role) VALUES (test.get('ada_user')::uuid, test.get('ada')::uuid, 'owner');
    PERFORM test.ok(NOT test.enters('ada'), 'nor after that by itself');
    PERFORM test.api('ada', 'vps_list');
    PERFORM test.ok(test.enters('ada'), 'but again once the full way has let it in');
    UPDATE memberships SET role = 'viewer' WHERE user_id = test.get('ada_user')::uuid;
    PERFORM test.ok(NOT test.enters('ada'), 'a new role is found out the full way');
    PERFORM test.api('ada', 'vps_list');
    PERFORM test.is((SELECT entry_role FROM tokens WHERE token_hash = test.hash('ada')), 'viewer', 'and noted');
    UPDATE memberships SET role = 'owner' WHERE user_id = test.get('ada_user')::uuid;
    UPDATE tenants SET state = 'suspended' WHERE id = test.get('ada')::uuid;
    PERFORM test.ok(NOT test.enters('ada'), 'a suspended tenant is found out the full way');
    UPDATE tenants SET state = 'active' WHERE id = test.get('ada')::uuid;
    PERFORM test.api('ada', 'vps_list');
    PERFORM test.ok(test.enters('ada'), 'and all is well again');
END
$$;

DO $$
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    PERFORM FROM vps;
    PERFORM test.ok(false, 'croft_server itself may read a vps');
EXCEPTION WHEN insufficient_privilege THEN
    PERFORM set_config('role', 'none', true);
    PERFORM test.ok(true, 'whoever did not enter has no right to what stands behind');
END
$$;
