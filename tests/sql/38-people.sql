-- People: sign-in and what slows it down, second factors, members, invitations, resets, staff in a customer's place.

-- A session, as sign-in makes it.
CREATE FUNCTION test.signin(p_email text, p_code jsonb DEFAULT NULL, p_network text DEFAULT '198.51.100.1', p_device text DEFAULT NULL)
RETURNS test.reply LANGUAGE plpgsql AS $$
DECLARE
    c record;
    a record;
    v_state text; v_message text; v_detail text;
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    SELECT * INTO c FROM croft_credentials(jsonb_build_object('email', p_email, 'network', p_network, 'device_hash', test.hash(p_device)));
    IF c.wait_s > 0 THEN
        PERFORM set_config('role', 'none', true);
        RETURN (429, to_jsonb(c.wait_s), NULL, NULL, 'rate_limited', NULL)::test.reply;
    ELSIF c.user_id IS NULL THEN
        PERFORM set_config('role', 'none', true);
        RETURN (401, NULL, NULL, NULL, 'unauthenticated', NULL)::test.reply;
    END IF;
    SELECT * INTO a FROM croft_session_create(jsonb_build_object('user_id', c.user_id, 'password_hash', c.password_hash,
        'refresh_hash', test.hash(gen_random_uuid()::text), 'csrf_hash', test.hash('c'), 'expires_in', 600, 'peer', p_network,
        'network', p_network, 'known', c.known, 'code', p_code, 'device_hash', test.hash(coalesce(p_device, gen_random_uuid()::text)),
        'request_id', 'req-s'));
    PERFORM set_config('role', 'none', true);
    RETURN (a.status, a.body::jsonb, NULL, NULL, a.body::jsonb->>'code', NULL)::test.reply;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL;
    RETURN test.failed(v_state, v_message, v_detail, NULL);
END
$$;

-- A request of a session.
CREATE FUNCTION test.person(p_session text, p_statement text, p_req jsonb DEFAULT '{}', p_tenant text DEFAULT NULL, p_scope text DEFAULT 'profile:write')
RETURNS test.reply LANGUAGE plpgsql AS $$
DECLARE
    a record;
    v_state text; v_message text; v_detail text; v_hint text;
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    PERFORM croft_auth_session(p_session::uuid, 'tenant', p_tenant::uuid, p_scope, '198.51.100.1', 'req-p', NULL,
        '{owner,admin,member,billing,viewer,visitor}');
    PERFORM set_config('role', 'croft_tenant', true);
    EXECUTE test.statement(p_statement) INTO a USING p_req;
    PERFORM set_config('role', 'none', true);
    IF a.status IS NULL THEN
        RETURN (404, NULL, NULL, NULL, 'not_found', NULL)::test.reply;
    END IF;
    RETURN (a.status, a.body::jsonb, a.etag, a.location, a.body::jsonb->>'code', NULL)::test.reply;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
        v_hint = PG_EXCEPTION_HINT;
    RETURN test.failed(v_state, v_message, v_detail, v_hint);
END
$$;

-- A statement of the role login.
CREATE FUNCTION test.login(p_statement text, p_req jsonb) RETURNS test.reply LANGUAGE plpgsql AS $$
DECLARE
    a record;
    v_state text; v_message text; v_detail text; v_hint text;
BEGIN
    PERFORM set_config('role', 'croft_server', true);
    EXECUTE test.statement(p_statement) INTO a USING '{"peer":"198.51.100.1","request_id":"req-l"}' || p_req;
    PERFORM set_config('role', 'none', true);
    RETURN (a.status, a.body::jsonb, NULL, NULL, NULL, NULL)::test.reply;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
        v_hint = PG_EXCEPTION_HINT;
    RETURN test.failed(v_state, v_message, v_detail, v_hint);
END
$$;

DO $$
DECLARE
    r test.reply;
    v_user uuid;
    v_wait int;
BEGIN
    PERFORM test.set('crew', test.tenant('crew', '{"vps":5}')::text);
    PERFORM test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', x || '@crew.example',
        'password_hash', 'h-' || x, 'tenant_id', test.get('crew'), 'role', x))) FROM unnest(ARRAY['owner', 'admin', 'member', 'viewer']) x;
    PERFORM test.set('u-' || split_part(email, '@', 1), id::text) FROM users WHERE email LIKE '%@crew.example';

    -- Attempts.
    r := test.signin('Owner@crew.example', NULL, '198.51.100.1', 'laptop');
    PERFORM test.is(r.status, 201, 'the owner signs in, whatever the case of the address');
    PERFORM test.is((SELECT sum(failures) FROM signin_attempts WHERE key IN ('198.51.100.1', croft_account_key('owner@crew.example'))),
        0::bigint, 'an attempt that was right does not count');
    FOR i IN 1..6 LOOP
        PERFORM croft_credentials(jsonb_build_object('email', 'owner@crew.example', 'network', '203.0.113.' || i));
    END LOOP;
    r := test.signin('owner@crew.example', NULL, '203.0.113.99');
    PERFORM test.is(r.status, 429, 'after six wrong ones from anywhere the account waits');
    PERFORM test.is((test.signin('owner@crew.example', NULL, '203.0.113.99', 'laptop')).status, 201, 'but not on the device of the owner');
    FOR i IN 1..6 LOOP
        PERFORM croft_credentials(jsonb_build_object('email', 'nobody@crew.example', 'network', '203.0.113.' || i));
    END LOOP;
    PERFORM test.is((test.signin('nobody@crew.example', NULL, '203.0.113.99')).status, 429, 'an account that is not there waits alike');
    PERFORM test.is(array(SELECT extract(epoch FROM croft_attempt_delay('account', n))::int FROM generate_series(5, 16) n),
        ARRAY[0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900], 'delays double up to a quarter of an hour');
    FOR i IN 1..21 LOOP
        PERFORM croft_credentials(jsonb_build_object('email', format('many%s@crew.example', i), 'network', '192.0.2.77'));
    END LOOP;
    PERFORM test.is((test.signin('many99@crew.example', NULL, '192.0.2.77')).status, 429, 'a network that tries many accounts waits');
    PERFORM test.is((test.signin('admin@crew.example', NULL, '192.0.2.78')).status, 201, 'another network does not');
    FOR i IN 1..10 LOOP
        PERFORM croft_credentials(jsonb_build_object('email', 'owner@crew.example', 'network', '203.0.113.1', 'device_hash', test.hash('laptop')));
    END LOOP;
    PERFORM test.is((SELECT known FROM croft_credentials(jsonb_build_object('email', 'owner@crew.example', 'network', '203.0.113.1',
        'device_hash', test.hash('laptop')))), false, 'a device that fails ten times is one no more');
    UPDATE signin_attempts SET last_at = now() - interval '61 minutes';
    PERFORM test.is((test.signin('owner@crew.example', NULL, '203.0.113.99')).status, 201, 'an hour later all is forgotten');
    PERFORM test.is((SELECT failures FROM signin_attempts WHERE key = croft_account_key('owner@crew.example')), 0, 'and counted anew');

    -- Second factor.
    r := test.signin('owner@crew.example');
    PERFORM test.set('s-owner', r.body->>'id');
    r := test.person(test.get('s-owner'), 'totp_begin', jsonb_build_object('body', jsonb_build_object('sealed', test.sealed('ab'),
        'uri', 'otpauth://x', 'secret_text', 'ABC')));
    PERFORM test.is((r.status, r.body->>'secret')::text, '(201,ABC)', 'a second factor is begun');
    PERFORM test.is((test.signin('owner@crew.example')).status, 201, 'and asks for nothing yet');
    r := test.person(test.get('s-owner'), 'totp_confirm', jsonb_build_object('body', jsonb_build_object('sealed', test.sealed('ab'),
        'totp_step', 100, 'code_hashes', jsonb_build_array(test.hash('r1'), test.hash('r2')), 'recovery_codes', '["R1","R2"]'::jsonb)));
    PERFORM test.is((r.status, r.body->'recovery_codes')::text, '(200,"[""R1"", ""R2""]")', 'and confirmed');
    r := test.person(test.get('s-owner'), 'totp_begin', jsonb_build_object('body', jsonb_build_object('sealed', test.sealed('cd'))));
    PERFORM test.is(r.status, 409, 'one is enough');
    PERFORM test.is((test.signin('owner@crew.example')).code, 'totp_required', 'now sign-in asks for a code');
    PERFORM test.is((test.signin('owner@crew.example', '{"totp_step":100}')).status, 401, 'the code that confirmed it is used up');
    PERFORM test.is((test.signin('owner@crew.example', '{"totp_step":101}')).status, 201, 'the next one is taken');
    PERFORM test.is((test.signin('owner@crew.example', '{"totp_step":101}')).status, 401, 'once');
    PERFORM test.is((test.signin('owner@crew.example', '{"totp_step":99}')).status, 401, 'and none from before it');
    r := test.signin('owner@crew.example', jsonb_build_object('recovery_hash', test.hash('r1')));
    PERFORM test.is(r.status, 201, 'a recovery code does, too');
    PERFORM test.is((test.signin('owner@crew.example', jsonb_build_object('recovery_hash', test.hash('r1')))).status, 401, 'once');
    DELETE FROM signin_attempts;
    PERFORM test.is((test.person(test.get('s-owner'), 'profile_read')).body->>'recovery_codes_left', '1', 'the profile says how many are left');
    PERFORM test.is((test.person(test.get('s-owner'), 'totp_delete', '{"code":{"totp_step":101}}')).status, 403, 'an old code does not remove it');
    PERFORM test.is((test.person(test.get('s-owner'), 'totp_delete')).code, 'totp_required', 'nor does none');
    PERFORM test.is((test.person(test.get('s-owner'), 'totp_delete', '{"code":{"totp_step":102}}')).status, 204, 'a new one does');
    PERFORM test.is((SELECT count(*) FROM recovery_codes), 0::bigint, 'with the recovery codes');

    -- Sessions, profile, password.
    r := test.person(test.get('s-owner'), 'session_list');
    PERFORM test.ok(jsonb_array_length(r.body->'items') > 2 AND NOT jsonb_path_exists(r.body, '$.items[*] ? (@.user_id != $u)',
        jsonb_build_object('u', test.get('u-owner'))), 'sessions of one''s own are listed');
    r := test.person(test.get('s-owner'), 'session_revoke', jsonb_build_object('id', (SELECT x->>'id'
        FROM jsonb_array_elements(r.body->'items') x WHERE x->'current' = 'false' LIMIT 1)));
    PERFORM test.is(r.status, 204, 'and ended');
    r := test.signin('admin@crew.example');
    PERFORM test.set('s-admin', r.body->>'id');
    PERFORM test.is((test.person(test.get('s-owner'), 'session_revoke', jsonb_build_object('id', test.get('s-admin')))).status, 404,
        'somebody else''s is not there');
    r := test.person(test.get('s-owner'), 'profile_update', '{"body":{"name":"O"},"if_match":"*"}');
    PERFORM test.is((r.status, r.body->>'name')::text, '(200,O)', 'a name is changed');
    r := test.person(test.get('s-owner'), 'password_change', '{"body":{"verified_hash":"other","password_hash":"new"}}');
    PERFORM test.is(r.status, 409, 'a password that changed meanwhile is not changed');
    v_wait := (SELECT p.wait_s FROM sessions s, croft_profile_credentials(s.id) p WHERE s.id = test.get('s-owner')::uuid AND s.revoked_at IS NULL);
    r := test.person(test.get('s-owner'), 'password_change', '{"body":{"verified_hash":"h-owner","password_hash":"new"}}');
    PERFORM test.is((v_wait, r.status)::text, '(0,204)', 'a password is changed');
    PERFORM test.is((SELECT count(*) FROM sessions WHERE user_id = test.get('u-owner')::uuid AND revoked_at IS NULL), 1::bigint,
        'every other session has ended');
    PERFORM test.is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM mails WHERE to_address = 'owner@crew.example'),
        'password_changed totp_disabled totp_enabled', 'and the person is told of all that');
END
$$;

-- Members and invitations.
DO $$
DECLARE
    r test.reply;
    v_owner text := test.get('u-owner');
    v_admin text := test.get('u-admin');
BEGIN
    PERFORM test.is((test.person(test.get('s-admin'), 'member_list', '{}', NULL, 'members:read')).body->'items'->0->>'email' LIKE '%@crew.example',
        true, 'members see each other');
    PERFORM test.is((test.api('bob', 'member_read', jsonb_build_object('id', v_owner))).status, 404, 'others do not see them');
    r := test.person(test.get('s-admin'), 'member_update', jsonb_build_object('id', test.get('u-member'), 'if_match', '*', 'body', '{"role":"owner"}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(403,/role)', 'an admin makes no owner');
    r := test.person(test.get('s-admin'), 'member_update', jsonb_build_object('id', v_owner, 'if_match', '*', 'body', '{"role":"viewer"}'::jsonb));
    PERFORM test.is(r.status, 403, 'nor unmakes one');
    PERFORM test.is((test.person(test.get('s-admin'), 'member_delete', jsonb_build_object('id', v_owner))).status, 403, 'nor removes one');
    r := test.person(test.get('s-owner'), 'member_update', jsonb_build_object('id', v_owner, 'if_match', '*', 'body', '{"role":"admin"}'::jsonb));
    PERFORM test.is(r.code, 'last_owner', 'the last owner is not demoted');
    PERFORM test.is((test.person(test.get('s-owner'), 'member_delete', jsonb_build_object('id', v_owner))).code, 'last_owner', 'and does not leave');
    r := test.person(test.get('s-owner'), 'member_update', jsonb_build_object('id', test.get('u-member'), 'if_match', '*', 'body', '{"role":"billing"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'role')::text, '(200,billing)', 'an owner changes a role');
    PERFORM test.is((test.person(test.get('s-owner'), 'member_update', jsonb_build_object('id', test.get('u-member'), 'if_match', '"1"',
        'body', '{"role":"admin"}'::jsonb))).status, 412, 'with the version that was read');

    r := test.person(test.get('s-admin'), 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'New@crew.example',
        'role', 'owner', 'nonce', test.hash('n'), 'token_hash', test.hash('i0'))));
    PERFORM test.is((r.status, r.pointer)::text, '(403,/role)', 'an admin invites no owner');
    r := test.person(test.get('s-admin'), 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'New@crew.example',
        'role', 'admin', 'nonce', test.hash('n'), 'token_hash', test.hash('i1'))));
    PERFORM test.is((r.status, r.body ? 'token')::text, '(201,f)', 'an invitation is made, its link shown to nobody');
    PERFORM test.is((SELECT kind FROM mails WHERE to_address = 'New@crew.example' AND state = 'queued'), 'invitation', 'but mailed');
    r := test.person(test.get('s-admin'), 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'new@CREW.example',
        'role', 'viewer', 'nonce', test.hash('n'), 'token_hash', test.hash('i2'))));
    PERFORM test.is((r.status, r.pointer)::text, '(409,/email)', 'one at a time');
    PERFORM test.is((SELECT (f.is_open, f.known)::text FROM croft_invitation_find(test.hash('i1')) f), '(t,f)', 'its link is found open, for a new person');
    r := test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i1'), 'session', test.get('s-owner')));
    PERFORM test.is(r.status, 403, 'somebody else does not accept it');
    PERFORM test.is((test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i9'), 'password_hash', 'h'))).pointer, '/token',
        'a wrong link is refused');
    r := test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i1'), 'password_hash', 'h-new', 'name', 'New'));
    PERFORM test.is((r.status, r.body->'user'->>'email', r.body->>'role')::text, '(201,New@crew.example,admin)', 'a new person accepts it');
    PERFORM test.set('u-new', r.body->'user'->>'id');
    PERFORM test.is((test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i1'), 'password_hash', 'h'))).status, 422, 'once');

    PERFORM test.api('crew', 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'ada@example.org',
        'role', 'viewer', 'nonce', test.hash('n'), 'token_hash', test.hash('i3'))));
    UPDATE users SET password_hash = 'h' WHERE id = test.get('ada_user')::uuid;
    r := test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i3'), 'password_hash', 'h2'));
    PERFORM test.is(r.status, 409, 'who is known signs in first');
    r := test.signin('ada@example.org');
    PERFORM test.set('s-ada', r.body->>'id');
    r := test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i3'), 'session', test.get('s-ada')));
    PERFORM test.is((r.status, r.body->>'role')::text, '(201,viewer)', 'and then accepts');
    PERFORM test.is((test.person(test.get('s-ada'), 'member_list', '{}', NULL, 'members:read')).status, 400, 'a person of two tenants names one');
    PERFORM test.is((test.person(test.get('s-ada'), 'profile_read', '{}', NULL, 'profile:read')).status, 200, 'but not for what is its own');
    PERFORM test.is((test.person(test.get('s-ada'), 'member_delete', jsonb_build_object('id', v_admin), test.get('crew'))).status, 403,
        'a viewer removes nobody');
    PERFORM test.is((test.person(test.get('s-ada'), 'member_delete', jsonb_build_object('id', test.get('ada_user')), test.get('crew'))).status, 204,
        'but may leave');

    -- What goes with a person.
    r := test.signin('New@crew.example');
    PERFORM test.set('s-new', r.body->>'id');
    PERFORM test.person(test.get('s-new'), 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'x@crew.example',
        'role', 'admin', 'nonce', test.hash('n'), 'token_hash', test.hash('i4'))));
    INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix)
        VALUES (test.get('crew')::uuid, test.get('u-new')::uuid, 'n', test.hash('t-new'), 't');
    PERFORM test.is((test.api('t-new', 'vps_list')).status, 200, 'a member has a token');
    r := test.person(test.get('s-owner'), 'member_update', jsonb_build_object('id', test.get('u-new'), 'if_match', '*', 'body', '{"role":"member"}'::jsonb));
    PERFORM test.is((SELECT count(*) FROM invitations WHERE email = 'x@crew.example'), 0::bigint, 'invitations that a demoted one could not send are gone');
    PERFORM test.is((SELECT count(*) FROM mails WHERE to_address = 'x@crew.example'), 0::bigint, 'with their mails');
    PERFORM test.is((test.person(test.get('s-owner'), 'member_delete', jsonb_build_object('id', test.get('u-new')))).status, 204, 'a member is removed');
    PERFORM test.is((test.api('t-new', 'vps_list')).status, 401, 'and so is its token');
    PERFORM test.is((test.person(test.get('s-new'), 'member_list', '{}', NULL, 'members:read')).status, 403, 'the session sees the tenant no more');
    PERFORM test.is((test.person(test.get('s-new'), 'profile_read', '{}', NULL, 'profile:read')).status, 200, 'only itself');

    PERFORM test.api('crew', 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'back@crew.example',
        'role', 'viewer', 'nonce', test.hash('n'), 'token_hash', test.hash('i5'))));
    r := test.api('crew', 'invitation_list');
    PERFORM test.is((r.status, r.body->'items'->0->>'email')::text, '(200,back@crew.example)', 'invitations are listed');
    PERFORM test.is((test.api('bob', 'invitation_delete', jsonb_build_object('id', r.body->'items'->0->'id'))).status, 404, 'to their tenant');
    PERFORM test.is((test.api('crew', 'invitation_delete', jsonb_build_object('id', r.body->'items'->0->'id'))).status, 204, 'and taken back');
    PERFORM test.is((test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('i5'), 'password_hash', 'h'))).status, 422, 'then they work no more');
    PERFORM test.api('crew', 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'open@crew.example',
        'role', 'viewer', 'nonce', test.hash('n'), 'token_hash', test.hash('i6'))));
END
$$;

-- Resets and the outbox.
DO $$
DECLARE
    r test.reply;
    m record;
    v_count bigint;
BEGIN
    UPDATE mails SET state = 'sent';
    PERFORM test.is((test.login('reset_request', jsonb_build_object('email', x, 'nonce', test.hash('n' || x), 'token_hash', test.hash('t' || x)))).body,
        '{}', 'a reset is asked for by ' || x) FROM unnest(ARRAY['Owner@crew.example', 'nobody@crew.example']) x;
    PERFORM test.is((SELECT count(*) FROM password_resets), 2::bigint, 'and stored alike');
    PERFORM test.is((SELECT f.found FROM croft_reset_find(test.hash('tOwner@crew.example')) f), false, 'not to be used yet');
    SELECT * INTO m FROM croft_mail_claim(10, 60);
    PERFORM test.is((m.kind, m.to_address, m.args::jsonb->>'nonce', m.attempts)::text,
        format('(password_reset,owner@crew.example,%s,1)', test.hash('nOwner@crew.example')), 'the one there is gets a mail');
    PERFORM test.is((SELECT count(*) FROM password_resets), 1::bigint, 'the other is forgotten');
    PERFORM test.is((SELECT count(*) FROM croft_mail_claim(10, 60)), 0::bigint, 'a mail is leased to one');
    PERFORM test.is(croft_mail_result(m.id, 1, 'refused', 30), true, 'a failure is noted');
    UPDATE mails SET next_at = now() WHERE id = m.id;
    SELECT * INTO m FROM croft_mail_claim(10, 60);
    PERFORM test.is(m.attempts, 2, 'and the mail tried again');
    PERFORM test.is(croft_mail_result(m.id, 1, NULL, NULL), false, 'who lost the lease says nothing');
    PERFORM test.is(croft_mail_result(m.id, 2, NULL, NULL), true, 'sent');
    PERFORM test.is((SELECT (state, args ? 'nonce')::text FROM mails WHERE id = m.id), '(sent,f)', 'and the link is forgotten');
    PERFORM test.is((SELECT f.found FROM croft_reset_find(test.hash('tOwner@crew.example')) f), true, 'the link may be used');
    PERFORM croft_credentials(jsonb_build_object('email', 'owner@crew.example', 'network', '203.0.113.1')) FROM generate_series(1, 6);
    r := test.login('reset_confirm', jsonb_build_object('token_hash', test.hash('tOwner@crew.example'), 'password_hash', 'reset'));
    PERFORM test.is(r.status, 204, 'a password is set by it');
    PERFORM test.is((SELECT count(*) FROM sessions WHERE user_id = test.get('u-owner')::uuid AND revoked_at IS NULL), 0::bigint, 'no session is left');
    PERFORM test.is((test.login('reset_confirm', jsonb_build_object('token_hash', test.hash('tOwner@crew.example'), 'password_hash', 'x'))).status, 422, 'once');
    r := test.signin('owner@crew.example');
    PERFORM test.is(r.status, 201, 'and nobody''s attempts slow the owner down');
    PERFORM test.set('s-owner', r.body->>'id');
    PERFORM test.login('reset_request', jsonb_build_object('email', 'owner@crew.example', 'nonce', test.hash(x::text), 'token_hash', test.hash(x::text)))
        FROM generate_series(1, 8) x;
    SELECT count(*) INTO v_count FROM croft_mail_claim(100, 60) WHERE kind = 'password_reset';
    PERFORM test.is(v_count, 3::bigint, 'a mailbox is not flooded');
    PERFORM test.ok(position('h-' IN string_agg(args::text, '')) = 0, 'no mail holds a hash') FROM mails;
END
$$;

-- Staff.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v_session text;
    v_event events;
BEGIN
    r := test.api('op', 'admin_impersonation_create', jsonb_build_object('body', jsonb_build_object('tenant_id', test.get('crew'),
        'user_id', test.get('u-admin'), 'reason', 'ticket 1', 'refresh_hash', test.hash('if'), 'csrf_hash', test.hash('ic'))));
    PERFORM test.is((r.status, r.body->>'role')::text, '(201,admin)', 'staff act as a customer');
    v_session := r.body->>'id';
    PERFORM test.is((test.person(v_session, 'vps_list', '{}', NULL, 'vps:read')).status, 200, 'and see what it sees');
    q := test.person(v_session, 'principal_read', '{}', NULL, 'any:read');
    PERFORM test.is((q.body->'impersonator'->>'email', q.body->'impersonator'->>'reason')::text, '(ops@example.org,"ticket 1")', 'the session says who it is');
    FOREACH q.location IN ARRAY ARRAY['profile_update', 'password_change', 'totp_begin', 'token_create', 'member_delete', 'invitation_create'] LOOP
        q := test.person(v_session, q.location, jsonb_build_object('id', test.get('u-member'), 'if_match', '*', 'body', jsonb_build_object(
            'name', 'x', 'role', 'viewer', 'email', 'y@crew.example', 'nonce', test.hash('n'), 'token_hash', test.hash('it'),
            'token_prefix', 'p', 'verified_hash', 'h-admin', 'password_hash', 'x', 'sealed', test.sealed('00'))), NULL, 'any:write');
        PERFORM test.is(q.status, 403, 'staff change nothing of how the customer gets in');
    END LOOP;
    PERFORM test.is((test.person(v_session, 'member_list', '{}', test.get('bob'), 'members:read')).status, 401, 'nor do they go elsewhere');
    BEGIN
        PERFORM croft_auth_session(v_session::uuid, 'operator', NULL, 'tenants:read', NULL, NULL, NULL, '{operator}');
        PERFORM test.ok(false, 'nor are they operators in that session');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'nor are they operators in that session');
    END;
    BEGIN
        PERFORM croft_auth_session(v_session::uuid, 'tenant', NULL, 'webhooks:write', NULL, NULL, NULL, '{owner,admin,member,billing,viewer}');
        PERFORM test.ok(false, 'nor do they what is not for visitors');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.is(SQLERRM, 'Staff who act for a customer may not do this.', 'nor do they what is not for visitors');
    END;
    SELECT * INTO v_event FROM events WHERE action = 'session.impersonated' ORDER BY id DESC LIMIT 1;
    PERFORM test.is((v_event.tenant_id::text, v_event.data->'after'->>'reason')::text, format('(%s,"ticket 1")', test.get('crew')), 'the customer''s audit log has it');
    PERFORM test.is((SELECT count(*) FROM mails WHERE kind = 'impersonation' AND to_address = 'owner@crew.example'), 1::bigint, 'its owner is told');
    q := test.person(test.get('s-owner'), 'session_list', '{}', NULL, 'profile:read');
    PERFORM test.ok(jsonb_path_exists(q.body, '$.items[*] ? (@.impersonator.reason == "ticket 1")'), 'and sees the session');
    PERFORM test.is((test.person(test.get('s-owner'), 'session_revoke', jsonb_build_object('id', v_session))).status, 204, 'and ends it');
    PERFORM test.is((test.person(v_session, 'vps_list', '{}', NULL, 'vps:read')).status, 401, 'which it is at once');
    r := test.api('op', 'admin_impersonation_create', jsonb_build_object('body', jsonb_build_object('tenant_id', test.get('bob'),
        'user_id', test.get('u-admin'), 'reason', 'ticket 2', 'refresh_hash', test.hash('ig'), 'csrf_hash', test.hash('ic'))));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/user_id)', 'only a member is acted for');

    r := test.api('op', 'admin_user_read', jsonb_build_object('id', test.get('u-admin')));
    PERFORM test.is((r.status, r.body->>'state')::text, '(200,active)', 'a user is read');
    q := test.api('op', 'admin_user_update', jsonb_build_object('id', test.get('u-admin'), 'if_match', r.etag, 'body', '{"state":"disabled"}'::jsonb));
    PERFORM test.is((q.status, q.body->>'state')::text, '(200,disabled)', 'and disabled');
    PERFORM test.is((test.person(test.get('s-admin'), 'profile_read')).status, 401, 'which ends its sessions');
    PERFORM test.is((test.signin('admin@crew.example')).status, 401, 'and lets no new one begin');
    q := test.api('op', 'admin_user_update', jsonb_build_object('id', test.get('u-admin'), 'if_match', '*', 'body', '{"email":"OWNER@crew.example"}'::jsonb));
    PERFORM test.is((q.status, q.pointer)::text, '(409,/email)', 'an address is of one user');
    r := croft_user_rescue('{"email":"owner@crew.example","password_hash":"rescued","totp":false}');
    PERFORM test.is((r.status, (SELECT password_hash FROM users WHERE id = test.get('u-owner')::uuid))::text, '(200,rescued)', 'an emergency is ended by hand');
END
$$;
