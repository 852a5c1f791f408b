-- What people change about themselves: name, password, second factor.

-- Staff who act for a customer touch nobody's way in. The table of routes says what else they may not (visitor); this stands
-- behind it, on the tables, so that no function can forget it.
CREATE OR REPLACE FUNCTION croft_no_impersonation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF croft_setting('impersonator') IS NOT NULL THEN
        PERFORM croft_raise(403, 'forbidden', 'Staff who act for a customer change no password, second factor, token or member.');
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER no_impersonation AFTER UPDATE OF email, name, password_hash, platform_role, state ON users
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();
CREATE OR REPLACE TRIGGER no_impersonation AFTER INSERT OR DELETE OR UPDATE OF token_hash, scopes, expires_at, revoked_at ON tokens
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();
CREATE OR REPLACE TRIGGER no_impersonation AFTER INSERT OR UPDATE OR DELETE ON totp_secrets
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();
CREATE OR REPLACE TRIGGER no_impersonation AFTER INSERT OR UPDATE OR DELETE ON recovery_codes
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();
CREATE OR REPLACE TRIGGER no_impersonation AFTER INSERT OR UPDATE OR DELETE ON memberships
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();
CREATE OR REPLACE TRIGGER no_impersonation AFTER INSERT OR UPDATE OR DELETE ON invitations
    FOR EACH STATEMENT EXECUTE FUNCTION croft_no_impersonation();

-- The user that asks, in person: a session, and nobody else's.
CREATE OR REPLACE FUNCTION croft_person() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF croft_setting('session') IS NULL OR croft_setting('impersonator') IS NOT NULL THEN
        PERFORM croft_raise(403, 'forbidden', 'This needs a session of the person itself: sign in.');
    END IF;
    RETURN croft_user_id();
END
$$;

CREATE OR REPLACE FUNCTION croft_profile_json(u users_visible) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'password_changed_at', u.password_changed_at,
        'totp_enabled', croft_has_totp(u.id),
        'recovery_codes_left', (SELECT count(*) FROM recovery_codes r WHERE r.user_id = u.id),
        'created_at', u.created_at)
$$;

CREATE OR REPLACE FUNCTION croft_profile_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    u users;
    v_old text;
    v_shown users_visible;
BEGIN
    SELECT * INTO u FROM users WHERE id = croft_user_id() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('person behind this token');
    END IF;
    PERFORM croft_check_match(p_req, u.version);
    v_old := u.name;
    UPDATE users SET name = coalesce(p_req->'body'->>'name', name) WHERE id = u.id RETURNING * INTO u;
    PERFORM croft_changed('user.updated', NULL, 'user', u.id, jsonb_build_object('name', v_old), jsonb_build_object('name', u.name));
    SELECT * INTO v_shown FROM users_visible WHERE id = u.id;
    RETURN (200, croft_profile_json(v_shown)::text, croft_etag(u.version), NULL)::croft_answer;
END
$$;

-- What the person's password and code are checked against before one of the changes below. Counts as an attempt to sign in: who
-- has got hold of a session may not guess without end either.
CREATE OR REPLACE FUNCTION croft_profile_credentials(p_session uuid, OUT user_id uuid, OUT email text, OUT password_hash text,
    OUT totp_secret text, OUT totp_pending text, OUT wait_s int) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_impersonator uuid;
BEGIN
    SELECT u.id, u.email, u.password_hash, CASE WHEN t.confirmed_at IS NOT NULL THEN t.secret END,
        CASE WHEN t.confirmed_at IS NULL THEN t.secret END, s.impersonator_id
    INTO user_id, email, password_hash, totp_secret, totp_pending, v_impersonator
    FROM sessions s JOIN users u ON u.id = s.user_id AND u.state = 'active' LEFT JOIN totp_secrets t ON t.user_id = u.id
    WHERE s.id = p_session AND s.revoked_at IS NULL AND s.expires_at > now();
    IF NOT FOUND THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The session has ended: sign in again.');
    ELSIF v_impersonator IS NOT NULL THEN
        PERFORM croft_raise(403, 'forbidden', 'This needs a session of the person itself: sign in.');
    END IF;
    wait_s := croft_attempt('account', 'person ' || user_id);
END
$$;

CREATE OR REPLACE FUNCTION croft_profile_attempt_return() RETURNS void LANGUAGE sql AS $$
    UPDATE signin_attempts SET failures = greatest(failures - 1, 0) WHERE kind = 'account' AND key = 'person ' || croft_user_id()
$$;

-- A new password ends every session but the one that sets it, and every device is unknown again.
CREATE OR REPLACE FUNCTION croft_password_set(p_user uuid, p_hash text, p_session uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_email text;
    v_ended int;
    v_before timestamptz := (SELECT password_changed_at FROM users WHERE id = p_user);
BEGIN
    UPDATE users SET password_hash = p_hash, password_changed_at = now() WHERE id = p_user RETURNING email INTO v_email;
    v_ended := croft_sessions_end(p_user, p_session);
    DELETE FROM devices WHERE user_id = p_user;
    DELETE FROM password_resets WHERE user_id = p_user;
    PERFORM croft_changed('user.password_changed', NULL, 'user', p_user, jsonb_build_object('password_changed_at', v_before),
        jsonb_build_object('password_changed_at', now()), jsonb_build_object('sessions_ended', v_ended));
    PERFORM croft_mail('password_changed', v_email, p_user);
END
$$;

-- body: {verified_hash, password_hash}: what the old password was verified against, what the new one became.
CREATE OR REPLACE FUNCTION croft_password_change(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
BEGIN
    PERFORM FROM users WHERE id = croft_person() AND password_hash = v_body->>'verified_hash' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'The password was changed in the meantime.');
    END IF;
    PERFORM croft_profile_attempt_return();
    PERFORM croft_password_set(croft_user_id(), v_body->>'password_hash', croft_setting('session')::uuid);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- body: {verified_hash, sealed, uri, secret_text}: the last two are shown once and not stored.
CREATE OR REPLACE FUNCTION croft_totp_begin(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
BEGIN
    PERFORM croft_profile_attempt_return();
    INSERT INTO totp_secrets (user_id, secret) VALUES (croft_person(), v_body->>'sealed')
        ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = now(), last_step = 0
        WHERE totp_secrets.confirmed_at IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'A second factor is set up already: remove it first.');
    END IF;
    RETURN (201, json_build_object('secret', v_body->>'secret_text', 'uri', v_body->>'uri')::text, NULL, NULL)::croft_answer;
END
$$;

-- body: {totp_step, sealed, code_hashes, recovery_codes}: the hashes are stored, the codes shown.
CREATE OR REPLACE FUNCTION croft_totp_confirm(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    v_user uuid := croft_person();
BEGIN
    UPDATE totp_secrets SET confirmed_at = now(), last_step = (v_body->>'totp_step')::bigint
        WHERE user_id = v_user AND confirmed_at IS NULL AND secret = v_body->>'sealed';
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'The second factor was changed in the meantime.');
    END IF;
    PERFORM croft_profile_attempt_return();
    DELETE FROM recovery_codes WHERE user_id = v_user;
    INSERT INTO recovery_codes (user_id, code_hash) SELECT v_user, h FROM jsonb_array_elements_text(v_body->'code_hashes') h;
    PERFORM croft_changed('user.totp_enabled', NULL, 'user', v_user, '{"totp_enabled":false}', '{"totp_enabled":true}');
    PERFORM croft_mail('totp_enabled', (SELECT email FROM users WHERE id = v_user), v_user);
    RETURN (200, json_build_object('recovery_codes', v_body->'recovery_codes')::text, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_totp_remove(p_user uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM recovery_codes WHERE user_id = p_user;
    DELETE FROM totp_secrets WHERE user_id = p_user;
    IF FOUND THEN
        PERFORM croft_changed('user.totp_disabled', NULL, 'user', p_user, '{"totp_enabled":true}', '{"totp_enabled":false}');
        PERFORM croft_mail('totp_disabled', (SELECT email FROM users WHERE id = p_user), p_user);
    END IF;
    RETURN FOUND;
END
$$;

-- Needs a code itself, so that a stolen session cannot do it. One that is not confirmed yet is simply dropped.
CREATE OR REPLACE FUNCTION croft_totp_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_factor text := croft_second_factor(croft_person(), p_req->'code');
BEGIN
    IF v_factor = 'missing' THEN
        PERFORM croft_raise(401, 'totp_required', 'Send a code of the second factor in the header Croft-Code.');
    ELSIF v_factor = 'wrong' THEN
        RETURN (403, '{"code":"forbidden","detail":"The code is wrong or was used before."}', NULL, NULL)::croft_answer;
    END IF;
    PERFORM croft_profile_attempt_return();
    IF NOT croft_totp_remove(croft_user_id()) THEN
        PERFORM croft_raise_not_found('second factor');
    END IF;
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
