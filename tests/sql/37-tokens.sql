-- What a token may do, and that none makes another that may do more.
CREATE FUNCTION test.make(p_token text, p_name text, p_body jsonb) RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.api(p_token, 'token_create', jsonb_build_object('body', p_body || jsonb_build_object('name', p_name,
        'token_hash', test.hash(p_name), 'token_prefix', 't')))
$$;
-- May the token do that, from there, as that tenant? The detail, if not.
CREATE FUNCTION test.may(p_token text, p_scope text, p_roles text[] DEFAULT '{owner,admin,member,billing,viewer}',
    p_peer text DEFAULT '192.0.2.9', p_tenant text DEFAULT NULL, p_surface text DEFAULT 'tenant') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    PERFORM FROM croft_auth_token(test.hash(p_token), p_surface, p_tenant::uuid, p_scope, p_peer, 'r', NULL, p_roles);
    PERFORM set_config('role', 'none', true);
    RETURN 'yes';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

-- Which scope holds which.
SELECT test.is(string_agg(held || '>' || asked, ' ' ORDER BY held, asked),
    'read>any:read read>tasks:read read>vps:read tasks:read>any:read tasks:read>tasks:read vps:read>any:read vps:read>vps:read '
    'vps:write>any:read vps:write>vps:read vps:write>vps:write write>any:read write>tasks:read write>tasks:write write>vps:read write>vps:write',
    'scopes hold what they say')
FROM unnest('{read,write,vps:read,vps:write,tasks:read}'::text[]) held, unnest('{any:read,vps:read,vps:write,tasks:read,tasks:write}'::text[]) asked
WHERE croft_scope_held(ARRAY[held], asked);

SELECT test.is(string_agg(croft_role_least(a, b), ' ' ORDER BY a, b),
    'admin billing member admin viewer billing billing viewer billing viewer member viewer member member viewer '
    'admin billing member owner viewer viewer viewer viewer viewer viewer', 'the least of two roles')
FROM unnest('{owner,admin,member,billing,viewer}'::text[]) a, unnest('{owner,admin,member,billing,viewer}'::text[]) b;

DO $$
DECLARE
    r test.reply;
    v_later text := to_char(now() + interval '2 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
    v_soon text := to_char(now() + interval '1 day', 'YYYY-MM-DD"T"HH24:MI:SS"Z"');
BEGIN
    r := test.make('ada', 'narrow', jsonb_build_object('scopes', '["tokens:write","vps:read"]'::jsonb, 'addresses',
        '["192.0.2.0/24","2001:db8::/32"]'::jsonb, 'role', 'member', 'expires_at', v_soon));
    PERFORM test.is((r.status, r.body->'scopes', r.body->'addresses', r.body->>'role')::text,
        '(201,"[""tokens:write"", ""vps:read""]","[""192.0.2.0/24"", ""2001:db8::/32""]",member)', 'a narrow token is made');
    PERFORM test.is(test.may('narrow', 'vps:read'), 'yes', 'it does what it may');
    PERFORM test.is(test.may('narrow', 'vps:write'), 'CR403 The token does not have the scope vps:write.', 'not another action');
    PERFORM test.is(test.may('narrow', 'tasks:read'), 'CR403 The token does not have the scope tasks:read.', 'not another resource');
    PERFORM test.is(test.may('narrow', 'vps:read', '{owner,admin}'), 'CR403 The role member may not do this.', 'its role is bounded, though its user owns');
    PERFORM test.is(test.may('narrow', 'vps:read', p_peer => '198.51.100.1'), 'CR403 The token may not be used from this address.', 'not from elsewhere');
    PERFORM test.is(test.may('narrow', 'vps:read', p_peer => '2001:db8:1::1'), 'yes', 'from its other range');
    PERFORM test.is(test.may('narrow', 'vps:read', p_peer => NULL), 'CR403 The token may not be used from this address.', 'not from nowhere');
    PERFORM test.is((SELECT entry_role FROM tokens WHERE token_hash = test.hash('narrow')), 'member', 'the short way knows the bounded role');

    r := test.make('narrow', 'inherits', '{"scopes":["vps:read"]}');
    PERFORM test.is((r.status, r.body->'addresses', r.body->>'role', (r.body->>'expires_at')::timestamptz = v_soon::timestamptz)::text,
        '(201,"[""192.0.2.0/24"", ""2001:db8::/32""]",member,t)', 'a token hands on its ranges, role and expiry');
    r := test.make('narrow', 'inherits all', '{}');
    PERFORM test.is(r.body->'scopes', '["tokens:write","vps:read"]', 'and its scopes');
    r := test.make('narrow', 'w1', '{"scopes":["vps:read","vps:write"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/scopes/1)', 'no wider action');
    r := test.make('narrow', 'w2', '{"scopes":["read"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/scopes/0)', 'no umbrella');
    r := test.make('narrow', 'w3', '{"addresses":["192.0.2.0/25","192.0.0.0/16"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/addresses/1)', 'no wider range');
    r := test.make('narrow', 'w4', jsonb_build_object('expires_at', v_later));
    PERFORM test.is((r.status, r.pointer)::text, '(403,/expires_at)', 'no later expiry');
    r := test.make('narrow', 'w5', '{"role":"admin"}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/role)', 'no higher role');
    r := test.make('narrow', 'w6', '{"role":"billing"}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/role)', 'no other role');
    r := test.make('narrow', 'w7', '{"platform_role":"operator"}');
    PERFORM test.is((r.status, r.pointer)::text, '(403,/platform_role)', 'no staff');
    r := test.make('op', 'w8', '{"platform_role":"operator","scopes":["nodes:read"]}');
    PERFORM test.is((r.status, r.body->>'platform_role')::text, '(201,operator)', 'staff makes a token for staff');
    PERFORM test.is(test.may('w8', 'nodes:read', '{operator}', p_surface => 'operator'), 'yes', 'which has its scope');
    PERFORM test.is(test.may('w8', 'nodes:write', '{operator}', p_surface => 'operator'),
        'CR403 The token does not have the scope nodes:write.', 'and no other');
    r := test.make('op', 'w9', '{}');
    PERFORM test.is(test.may('w9', 'nodes:read', '{operator}', p_surface => 'operator'),
        'CR403 This needs the platform role operator.', 'without being asked none is made for staff');
    r := test.make('ada', 'w10', '{"scopes":["vps:delete"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/scopes/0)', 'an unknown action');
    r := test.make('ada', 'w11', '{"scopes":["read","any:read"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/scopes/1)', 'an unknown resource');
    r := test.make('ada', 'w12', '{"addresses":["192.0.2.0/24","192.0.2.1/24"]}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/addresses/1)', 'a range with bits beyond its mask');
    r := test.make('ada', 'reads', '{"read_only":true}');
    PERFORM test.is(test.may('reads', 'vps:read'), 'yes', 'a token for reading reads');
    PERFORM test.is(test.may('reads', 'vps:write'), 'CR403 The token is for reading only.', 'and changes nothing, though its scopes would');
    PERFORM test.is(test.may('reads', 'any:read'), 'yes', 'but may end itself');
    PERFORM test.ok(test.enters('reads'), 'it takes the short way');
    PERFORM test.is((SELECT count(*) FROM events WHERE action = 'token.created' AND data::text ~ test.hash('narrow')), 0::bigint,
        'no hash gets into the log');
END
$$;

-- A reseller acts in the tenants below it, and in no others.
DO $$
DECLARE
    v_reseller uuid := (SELECT test.tenant('acting', '{}'));
    v_child uuid;
    v_other uuid := (SELECT test.tenant('acting-other', '{}'));
    r test.reply;
BEGIN
    INSERT INTO tenants (parent_id, kind, name) VALUES (croft_root(), 'reseller', 'acting-reseller') RETURNING id INTO v_reseller;
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (v_reseller, 'acting-r', test.hash('acting-r'), 't');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix, role) VALUES (v_reseller, 'acting-m', test.hash('acting-m'), 't', 'member');
    v_child := test.tenant('acting-child', '{}', v_reseller);
    PERFORM test.is(test.may('acting-r', 'vps:write', '{admin}', p_tenant => v_child::text), 'yes', 'a reseller acts in its child as admin');
    PERFORM test.is((croft_tenant_id(), croft_setting('role'), croft_setting('actor_tenant'))::text,
        format('(%s,admin,%s)', v_child, v_reseller), 'in the child''s context, with its own name beside it');
    PERFORM test.is(test.may('acting-r', 'vps:write', '{owner}', p_tenant => v_child::text), 'CR403 The role admin may not do this.', 'not as owner');
    PERFORM test.is(test.may('acting-r', 'vps:read', p_tenant => v_other::text),
        test.may('acting-r', 'vps:read', p_tenant => croft_uuid()::text), 'a foreign tenant is like a missing one');
    PERFORM test.is(left(test.may('acting-r', 'vps:read', p_tenant => v_other::text), 5), 'CR403', 'and refused');
    PERFORM test.is(left(test.may('acting-m', 'vps:read', p_tenant => v_child::text), 5), 'CR403', 'a mere member does not act below');
    PERFORM test.is(left(test.may('acting-child', 'vps:read', p_tenant => v_reseller::text), 5), 'CR403', 'nor a child above');
    PERFORM test.is(left(test.may('ada', 'vps:read', p_tenant => v_child::text), 5), 'CR403', 'nor a tenant beside');
    UPDATE tenants SET state = 'suspended' WHERE id = v_reseller;
    PERFORM test.is(left(test.may('acting-r', 'vps:read', p_tenant => v_child::text), 5), 'CR403', 'nor a suspended reseller');
    UPDATE tenants SET state = 'active' WHERE id = v_reseller;
END
$$;
