-- What people and their tokens may not outlive, and what guessing does not get: each was a fault once.

-- Guesses of a second factor on a known device, by who has the password.
DO $$
DECLARE
    r test.reply;
    v_user uuid;
BEGIN
    r := test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', 'guessed@crew.example',
        'password_hash', 'h', 'tenant_id', test.get('crew'), 'role', 'viewer')));
    v_user := (r.body->>'id')::uuid;
    PERFORM test.is((test.signin('guessed@crew.example', NULL, '198.51.100.20', 'phone')).status, 201, 'a device becomes known');
    INSERT INTO totp_secrets (user_id, secret, confirmed_at) VALUES (v_user, test.sealed('ab'), now());
    FOR i IN 1..9 LOOP
        PERFORM test.signin('guessed@crew.example', jsonb_build_object('recovery_hash', test.hash(i::text)), '198.51.100.20', 'phone');
        PERFORM test.is((test.signin('guessed@crew.example', NULL, '198.51.100.20', 'phone')).code, 'totp_required', 'the password is right');
    END LOOP;
    PERFORM test.is((SELECT failures FROM devices WHERE user_id = v_user), 9, 'wrong codes count, being asked for one does not, and forgives none');
    PERFORM test.signin('guessed@crew.example', jsonb_build_object('recovery_hash', test.hash('10')), '198.51.100.20', 'phone');
    PERFORM test.is((SELECT known FROM croft_credentials(jsonb_build_object('email', 'guessed@crew.example', 'network', '198.51.100.20',
        'device_hash', test.hash('phone')))), false, 'after ten the device is one no more');
    UPDATE devices SET failures = 3 WHERE user_id = v_user;
    r := test.signin('guessed@crew.example', '{"totp_step":7}', '198.51.100.20', 'phone');
    PERFORM test.is((r.status, (SELECT failures FROM devices WHERE user_id = v_user))::text, '(201,0)', 'a right code forgives');
    DELETE FROM signin_attempts;
END
$$;

-- What somebody made below a reseller goes with the right to be there.
CREATE FUNCTION test.runner(p_email text, p_reseller uuid, p_child uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
    v_name text := split_part(p_email, '@', 1);
BEGIN
    r := test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', p_email, 'password_hash', 'h',
        'tenant_id', p_reseller, 'role', 'admin')));
    PERFORM test.set('u-' || v_name, r.body->>'id');
    r := test.signin(p_email);
    PERFORM test.set('s-' || v_name, r.body->>'id');
    r := test.person(test.get('s-' || v_name), 'token_create', jsonb_build_object('body', jsonb_build_object('name', v_name,
        'token_hash', test.hash('below-' || v_name), 'token_prefix', 'p')), p_child::text, 'tokens:write');
    PERFORM test.is((r.status, r.body->>'user_id')::text, '(201,)', 'who runs a reseller makes a token below it');
    r := test.make('below-' || v_name, 'grand-' || v_name, '{}');
    PERFORM test.is(r.status, 201, 'and that one another');
    r := test.api('grand-' || v_name, 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', v_name || '@below.example',
        'role', 'admin', 'nonce', test.hash('n'), 'token_hash', test.hash('ib-' || v_name))));
    PERFORM test.is(r.status, 201, 'which asks somebody in');
    PERFORM test.is((test.api('grand-' || v_name, 'vps_list')).status, 200, 'all of them work');
END
$$;
CREATE FUNCTION test.runs_no_more(p_name text, p_how text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.is((test.api(t, 'vps_list')).status, 401, format('%s: %s is void', p_how, t))
        FROM unnest(ARRAY['below-' || p_name, 'grand-' || p_name]) t;
    PERFORM test.is((SELECT count(*) FROM invitations WHERE email = p_name || '@below.example'), 0::bigint, p_how || ': nobody comes by that link');
    PERFORM test.is((SELECT count(*) FROM events e JOIN tokens t ON t.id = e.subject_id WHERE e.action = 'token.deleted' AND e.tenant_id = t.tenant_id
        AND t.made_by = test.get('u-' || p_name)::uuid), 2::bigint, p_how || ': the tenant''s own log says so');
END
$$;
DO $$
DECLARE
    v_reseller uuid := test.tenant('bounds', '{}', croft_root(), 'reseller');
    v_child uuid := test.tenant('bounds-child', '{}', v_reseller);
    x text;
    r test.reply;
BEGIN
    FOREACH x IN ARRAY ARRAY['leaves', 'demoted', 'disabled', 'stays'] LOOP
        PERFORM test.runner(x || '@bounds.example', v_reseller, v_child);
    END LOOP;
    r := test.api('bounds', 'member_delete', jsonb_build_object('id', test.get('u-leaves')));
    PERFORM test.is(r.status, 204, 'one is removed');
    PERFORM test.runs_no_more('leaves', 'removed');
    r := test.api('bounds', 'member_update', jsonb_build_object('id', test.get('u-demoted'), 'if_match', '*', 'body', '{"role":"member"}'::jsonb));
    PERFORM test.is(r.status, 200, 'one is no admin any more');
    PERFORM test.runs_no_more('demoted', 'demoted');
    r := test.api('op', 'admin_user_update', jsonb_build_object('id', test.get('u-disabled'), 'if_match', '*', 'body', '{"state":"disabled"}'::jsonb));
    PERFORM test.is(r.status, 200, 'one is disabled');
    PERFORM test.runs_no_more('disabled', 'disabled');
    PERFORM test.is((test.api('grand-stays', 'vps_list')).status, 200, 'what others made stays');
    PERFORM test.is((test.api('bounds-child', 'vps_list')).status, 200, 'and what is the tenant''s own');
    PERFORM test.is((SELECT count(*) FROM invitations WHERE email = 'stays@below.example'), 1::bigint, 'with those they asked in');
END
$$;

-- Mail and links.
DO $$
DECLARE
    r test.reply;
    v_reseller uuid := test.tenant('mute', '{}', croft_root(), 'reseller');
    v_child uuid := test.tenant('mute-child', '{}', v_reseller);
BEGIN
    PERFORM croft_mail('totp_enabled', 'much@crew.example', NULL) FROM generate_series(1, 10);
    PERFORM croft_mail('password_reset', 'much@crew.example', NULL);
    PERFORM test.ok(true, 'mail that only somebody known gets does not use up what strangers may cause');
    r := test.api('crew', 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'much@crew.example', 'role', 'viewer',
        'nonce', test.hash('n'), 'token_hash', test.hash('much'))));
    PERFORM test.is(r.status, 201, 'so an invitation tells nothing of whether there is such a person');

    r := test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', 'moved@crew.example',
        'password_hash', 'h', 'tenant_id', test.get('crew'), 'role', 'viewer')));
    PERFORM test.login('reset_request', jsonb_build_object('email', 'moved@crew.example', 'nonce', test.hash('nm'), 'token_hash', test.hash('tm')));
    PERFORM FROM croft_mail_claim(100, 60);
    PERFORM test.is((SELECT f.found FROM croft_reset_find(test.hash('tm')) f), true, 'a link lies in a mailbox');
    PERFORM test.api('op', 'admin_user_update', jsonb_build_object('id', r.body->>'id', 'if_match', '*', 'body', '{"email":"moved@new.example"}'::jsonb));
    PERFORM test.is((SELECT f.found FROM croft_reset_find(test.hash('tm')) f), false, 'that is no longer the person''s, and is void');

    r := test.api('mute-child', 'invitation_create', jsonb_build_object('body', jsonb_build_object('email', 'in@mute.example', 'role', 'viewer',
        'nonce', test.hash('n'), 'token_hash', test.hash('mute'))));
    PERFORM test.is(r.status, 201, 'somebody is asked in below a reseller');
    PERFORM test.api('op', 'admin_tenant_suspend', test.by_id(v_reseller::text, '{"reason":"unpaid"}'));
    PERFORM test.is((SELECT is_open FROM croft_invitation_find(test.hash('mute'))), false, 'while it is suspended the link is not open');
    PERFORM test.is((test.login('invitation_accept', jsonb_build_object('token_hash', test.hash('mute'), 'password_hash', 'h'))).status, 422, 'nor used');
    PERFORM test.api('op', 'admin_tenant_resume', test.by_id(v_reseller::text));
    PERFORM test.is((SELECT is_open FROM croft_invitation_find(test.hash('mute'))), true, 'and it was not lost');
END
$$;

-- An operator who is known gets a new password like anybody: what the old one opened is shut.
DO $$
DECLARE
    r test.reply;
BEGIN
    PERFORM croft_operator_ensure(jsonb_build_object('email', 'chief@example.org', 'password_hash', 'h', 'token_hash', test.hash('chief1'), 'token_prefix', 'p'));
    r := test.signin('chief@example.org');
    PERFORM test.is((test.person(r.body->>'id', 'profile_read')).status, 200, 'an operator is signed in');
    PERFORM croft_operator_ensure(jsonb_build_object('email', 'CHIEF@example.org', 'token_hash', test.hash('chief2'), 'token_prefix', 'p'));
    PERFORM test.is((test.person(r.body->>'id', 'profile_read')).status, 200, 'another token changes nothing of that');
    PERFORM croft_operator_ensure(jsonb_build_object('email', 'chief@example.org', 'password_hash', 'i', 'token_hash', test.hash('chief3'), 'token_prefix', 'p'));
    PERFORM test.is((test.person(r.body->>'id', 'profile_read')).status, 401, 'a new password ends the sessions');
    PERFORM test.is((SELECT count(*) FROM mails WHERE kind = 'password_changed' AND to_address = 'chief@example.org'), 1::bigint, 'and is told');
END
$$;

-- By hand, in an emergency.
DO $$
DECLARE
    r test.reply;
    a croft_answer;
    v_state text;
BEGIN
    PERFORM test.make('crew', 'leaked', '{}');
    a := croft_token_rescue(jsonb_build_object('token_hash', test.hash('leaked')));
    PERFORM test.is((a.status, a.body::jsonb->>'tenant_id')::text, format('(200,%s)', test.get('crew')), 'a token that was found somewhere is revoked');
    PERFORM test.is((test.api('leaked', 'vps_list')).status, 401, 'at once');
    BEGIN
        PERFORM croft_token_rescue(jsonb_build_object('token_hash', test.hash('leaked')));
        PERFORM test.ok(false, 'once');
    EXCEPTION WHEN SQLSTATE 'CR404' THEN
        PERFORM test.ok(true, 'once');
    END;
    r := test.signin('chief@example.org');
    a := croft_sessions_rescue('{"email":"Chief@example.org"}');
    PERFORM test.is((a.status, (a.body::jsonb->>'sessions_ended')::int > 0)::text, '(200,t)', 'all sessions of somebody end');
    PERFORM test.is((test.person(r.body->>'id', 'profile_read')).status, 401, 'at once, too');
    BEGIN
        PERFORM croft_sessions_rescue('{"email":"nobody@example.org"}');
        PERFORM test.ok(false, 'of somebody who is there');
    EXCEPTION WHEN SQLSTATE 'CR404' THEN
        PERFORM test.ok(true, 'of somebody who is there');
    END;
END
$$;
