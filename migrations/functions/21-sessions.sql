-- Signing in and out of people. An attempt is counted before the password is looked at and given back when it was right, so that
-- any number of workers trying at once never get more attempts than there are.

-- The wait after the last attempt: none for the first few of an hour, then 2, 4, 8 … seconds up to a quarter of an hour.
CREATE OR REPLACE FUNCTION croft_attempt_delay(p_kind text, p_failures int) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT make_interval(secs => CASE WHEN p_failures <= k.free THEN 0 ELSE least(2 ^ least(p_failures - k.free, 20), k.most) END)
    FROM (VALUES ('account', 5, 900), ('network', 20, 300)) k (kind, free, most)
    WHERE k.kind = p_kind
$$;

-- Counts an attempt: 0, or the seconds to wait, and then it does not count.
CREATE OR REPLACE FUNCTION croft_attempt(p_kind text, p_key text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_wait float8;
BEGIN
    INSERT INTO signin_attempts AS a (kind, key, failures, last_at) VALUES (p_kind, p_key, 1, clock_timestamp())
    ON CONFLICT (kind, key) DO UPDATE
        SET failures = CASE WHEN a.last_at < clock_timestamp() - interval '1 hour' THEN 1 ELSE a.failures + 1 END,
            last_at = clock_timestamp()
        WHERE a.last_at + croft_attempt_delay(a.kind, a.failures) <= clock_timestamp();
    IF FOUND THEN
        RETURN 0;
    END IF;
    SELECT extract(epoch FROM a.last_at + croft_attempt_delay(a.kind, a.failures) - clock_timestamp()) INTO v_wait
        FROM signin_attempts a WHERE a.kind = p_kind AND a.key = p_key;
    RETURN greatest(ceil(v_wait), 1);
END
$$;

CREATE OR REPLACE FUNCTION croft_account_key(p_email text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN encode(sha256(lower(p_email)::bytea), 'hex');

-- By device, where there is a known one; else by network and account. A device is taken back after ten failures in a row.
CREATE OR REPLACE FUNCTION croft_attempt_any(p_user uuid, p_email text, p_network text, p_device text, OUT wait_s int, OUT known boolean)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE devices SET failures = failures + 1, last_used_at = now()
        WHERE user_id = p_user AND device_hash = p_device AND failures < 10;
    known := FOUND;
    wait_s := 0;
    IF NOT known THEN
        wait_s := croft_attempt('network', p_network);
        IF wait_s = 0 THEN
            wait_s := croft_attempt('account', croft_account_key(p_email));
        END IF;
    END IF;
END
$$;

-- This attempt was none. Those before it stay counted: a right password without a code forgives no wrong codes.
CREATE OR REPLACE FUNCTION croft_attempt_return(p_user uuid, p_email text, p_network text, p_device text, p_known boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_known THEN
        UPDATE devices SET failures = greatest(failures - 1, 0) WHERE user_id = p_user AND device_hash = p_device;
    ELSE
        UPDATE signin_attempts SET failures = greatest(failures - 1, 0) WHERE kind = 'network' AND key = p_network;
        UPDATE signin_attempts SET failures = greatest(failures - 1, 0) WHERE kind = 'account' AND key = croft_account_key(p_email);
    END IF;
END
$$;

-- What a sign-in is checked against. Always one row: who is missing must look like who is wrong.
CREATE OR REPLACE FUNCTION croft_credentials(p_req jsonb, OUT user_id uuid, OUT password_hash text, OUT totp_secret text,
    OUT wait_s int, OUT known boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT u.id, u.password_hash, t.secret INTO user_id, password_hash, totp_secret
    FROM users u LEFT JOIN totp_secrets t ON t.user_id = u.id AND t.confirmed_at IS NOT NULL
    WHERE lower(u.email) = lower(p_req->>'email') AND u.state = 'active' AND u.password_hash IS NOT NULL;
    SELECT a.wait_s, a.known INTO wait_s, known
    FROM croft_attempt_any(user_id, p_req->>'email', p_req->>'network', p_req->>'device_hash') a;
END
$$;

-- Whether the second factor is there: 'ok', 'missing', 'wrong'. p_code: {totp_step} of a code that fits, {recovery_hash} of
-- anything else, null if there was none. What is taken is taken once.
CREATE OR REPLACE FUNCTION croft_second_factor(p_user uuid, p_code jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM totp_secrets WHERE user_id = p_user AND confirmed_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'ok';
    ELSIF p_code IS NULL OR jsonb_typeof(p_code) <> 'object' THEN
        RETURN 'missing';
    ELSIF p_code ? 'totp_step' THEN
        UPDATE totp_secrets SET last_step = (p_code->>'totp_step')::bigint
            WHERE user_id = p_user AND last_step < (p_code->>'totp_step')::bigint;
    ELSE
        DELETE FROM recovery_codes WHERE user_id = p_user AND code_hash = p_code->>'recovery_hash';
        IF FOUND THEN
            PERFORM croft_changed('user.recovery_code_used', NULL, 'user', p_user, '{}', NULL);
            RETURN 'ok';
        END IF;
    END IF;
    RETURN CASE WHEN FOUND THEN 'ok' ELSE 'wrong' END;
END
$$;

-- A session as sign-in answers it, without the secrets, which only C has.
CREATE OR REPLACE FUNCTION croft_session_body(s sessions) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', s.id, 'expires_at', s.expires_at,
        'user', (SELECT json_build_object('id', u.id, 'email', u.email) FROM users u WHERE u.id = s.user_id),
        'tenants', (SELECT coalesce(json_agg(json_build_object('id', t.id, 'name', t.name, 'role', m.role) ORDER BY t.id), '[]')
            FROM memberships m JOIN tenants t ON t.id = m.tenant_id AND t.state <> 'closed'
            WHERE m.user_id = s.user_id))::text
$$;

-- The newest twenty of a user.
CREATE OR REPLACE FUNCTION croft_device_keep(p_user uuid, p_device text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO devices (user_id, device_hash) VALUES (p_user, p_device)
        ON CONFLICT (user_id, device_hash) DO UPDATE SET failures = 0, last_used_at = now();
    DELETE FROM devices WHERE user_id = p_user AND device_hash IN
        (SELECT d.device_hash FROM devices d WHERE d.user_id = p_user ORDER BY d.last_used_at DESC, d.device_hash OFFSET 20);
END
$$;

-- The password was right. What is wrong after that is answered, not raised, since it must be remembered.
CREATE OR REPLACE FUNCTION croft_session_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    u users;
    s sessions;
    v_factor text;
BEGIN
    PERFORM croft_enter(NULL, (p_req->>'user_id')::uuid, NULL, NULL, NULL, p_req->>'peer', p_req->>'request_id', NULL);
    -- It may have been changed while it was verified.
    SELECT * INTO u FROM users WHERE id = (p_req->>'user_id')::uuid AND state = 'active'
        AND password_hash = p_req->>'password_hash' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The email or the password is wrong.');
    END IF;
    v_factor := croft_second_factor(u.id, p_req->'code');
    IF v_factor = 'wrong' THEN
        RETURN (401, '{"code":"unauthenticated","detail":"The code is wrong or was used before."}', NULL, NULL)::croft_answer;
    END IF;
    PERFORM croft_attempt_return(u.id, u.email, p_req->>'network', p_req->>'device_hash', (p_req->>'known')::boolean);
    IF v_factor = 'missing' THEN
        RETURN (401, '{"code":"totp_required","detail":"Send the code of your authenticator, or a recovery code."}', NULL,
            NULL)::croft_answer;
    END IF;
    INSERT INTO sessions (user_id, refresh_hash, csrf_hash, peer, user_agent, expires_at)
    VALUES (u.id, p_req->>'refresh_hash', p_req->>'csrf_hash', p_req->>'peer', left(p_req->>'user_agent', 400),
        now() + make_interval(secs => (p_req->>'expires_in')::int))
    RETURNING * INTO s;
    PERFORM croft_device_keep(u.id, p_req->>'device_hash');
    PERFORM croft_changed('session.created', NULL, 'session', s.id, NULL, jsonb_build_object('user_id', s.user_id,
        'user_agent', s.user_agent, 'expires_at', s.expires_at));
    RETURN (201, croft_session_body(s), NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_session_refresh(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s sessions;
BEGIN
    SELECT x.* INTO s FROM sessions x JOIN users u ON u.id = x.user_id AND u.state = 'active'
        WHERE x.refresh_hash = p_req->>'refresh_hash' AND x.revoked_at IS NULL AND x.expires_at > now();
    IF NOT FOUND THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The session has ended: sign in again.');
    END IF;
    IF s.csrf_hash IS DISTINCT FROM p_req->>'csrf_hash' THEN
        PERFORM croft_raise(403, 'forbidden', 'The X-CSRF-Token header does not belong to this session.');
    END IF;
    UPDATE sessions SET refreshed_at = now() WHERE id = s.id;
    RETURN (200, croft_session_body(s), NULL, NULL)::croft_answer;
END
$$;

-- Ends the session or, of a token, the token that asks.
CREATE OR REPLACE FUNCTION croft_session_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_session uuid := croft_setting('session')::uuid;
    v_tenant uuid;
    v_before jsonb;
BEGIN
    IF v_session IS NULL THEN
        SELECT to_jsonb(croft_token_json(t)) INTO v_before FROM tokens_visible t WHERE t.id = croft_setting('token')::uuid;
        UPDATE tokens SET revoked_at = now() WHERE id = croft_setting('token')::uuid AND revoked_at IS NULL;
        PERFORM croft_changed('token.deleted', croft_tenant_id(), 'token', croft_setting('token')::uuid, coalesce(v_before, '{}'), NULL);
    ELSE
        UPDATE sessions SET revoked_at = now() WHERE id = v_session AND revoked_at IS NULL RETURNING tenant_id INTO v_tenant;
        PERFORM croft_changed('session.deleted', v_tenant, 'session', v_session, jsonb_build_object('user_id', croft_user_id()), NULL);
    END IF;
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- Ends another one: of oneself or, for an owner, of staff who act in the tenant.
CREATE OR REPLACE FUNCTION croft_session_revoke(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s sessions;
BEGIN
    SELECT * INTO s FROM sessions WHERE id = (p_req->>'id')::uuid AND revoked_at IS NULL AND expires_at > now()
        AND (user_id = croft_user_id() OR tenant_id = croft_tenant_id() AND croft_setting('role') = 'owner') FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('session');
    END IF;
    UPDATE sessions SET revoked_at = now() WHERE id = s.id;
    PERFORM croft_changed('session.deleted', s.tenant_id, 'session', s.id, jsonb_build_object('user_id', s.user_id), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_session_json(s sessions_visible) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', s.id, 'user_id', s.user_id, 'current', s.id::text IS NOT DISTINCT FROM croft_setting('session'),
        'peer', s.peer, 'user_agent', s.user_agent, 'created_at', s.created_at, 'refreshed_at', s.refreshed_at,
        'expires_at', s.expires_at, 'impersonator', croft_impersonator_json(s));

-- All of a user's sessions but one. What follows a new password.
CREATE OR REPLACE FUNCTION croft_sessions_end(p_user uuid, p_but uuid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_count int;
BEGIN
    UPDATE sessions SET revoked_at = now() WHERE user_id = p_user AND revoked_at IS NULL AND id IS DISTINCT FROM p_but
        AND impersonator_id IS NULL;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;
