-- What operators do to people, and in their place.

CREATE OR REPLACE FUNCTION croft_admin_user_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    u users;
    v_before jsonb;
BEGIN
    SELECT * INTO u FROM users WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('user');
    END IF;
    v_before := croft_user_body(u.id);
    PERFORM croft_check_match(p_req, u.version);
    IF u.id = croft_user_id() AND v_body->>'state' = 'disabled' THEN
        PERFORM croft_raise(409, 'conflict', 'Nobody disables themselves.', '/state');
    END IF;
    BEGIN
        UPDATE users SET email = coalesce(v_body->>'email', email), name = coalesce(v_body->>'name', name),
            state = coalesce(v_body->>'state', state)
            WHERE id = u.id RETURNING * INTO u;
    EXCEPTION WHEN unique_violation THEN
        PERFORM croft_raise(409, 'conflict', 'There is a user with this email.', '/email');
    END;
    IF v_body->>'totp_enabled' = 'false' THEN
        PERFORM croft_totp_remove(u.id);
    END IF;
    IF u.state = 'disabled' THEN
        UPDATE sessions SET revoked_at = now() WHERE u.id IN (user_id, impersonator_id) AND revoked_at IS NULL;
        PERFORM croft_below_end(NULL, u.id);
        DELETE FROM invitations WHERE invited_by = u.id;
    END IF;
    IF u.state = 'disabled' OR v_body ? 'email' THEN
        DELETE FROM password_resets WHERE user_id = u.id; -- their links lie in the old mailbox
    END IF;
    PERFORM croft_changed('user.updated', NULL, 'user', u.id, v_before, croft_user_body(u.id)::jsonb);
    RETURN (200, croft_user_body(u.id), croft_etag(u.version), NULL)::croft_answer;
END
$$;

-- A session in the place of a customer. body: {tenant_id, user_id, reason, expires_in?, refresh_hash, csrf_hash}.
CREATE OR REPLACE FUNCTION croft_admin_impersonation_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v_staff users;
    u users;
    m memberships;
    s sessions;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    SELECT * INTO v_staff FROM users WHERE id = croft_user_id() AND platform_role = 'operator';
    IF NOT FOUND THEN
        PERFORM croft_raise(403, 'forbidden', 'Only a person of the staff acts for a customer: this token is nobody''s.');
    END IF;
    SELECT * INTO m FROM memberships WHERE user_id = (v_body->>'user_id')::uuid AND tenant_id = (v_body->>'tenant_id')::uuid;
    SELECT * INTO u FROM users WHERE id = m.user_id AND state = 'active';
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such member of that tenant.', '/user_id');
    ELSIF u.platform_role IS NOT NULL THEN
        PERFORM croft_raise(403, 'forbidden', 'Staff do not act for staff.');
    END IF;
    INSERT INTO sessions (user_id, refresh_hash, csrf_hash, peer, expires_at, tenant_id, impersonator_id, impersonator_email, reason)
    VALUES (u.id, v_body->>'refresh_hash', v_body->>'csrf_hash', croft_setting('peer'),
        now() + make_interval(secs => coalesce((v_body->>'expires_in')::int, 900)), m.tenant_id, v_staff.id, v_staff.email,
        v_body->>'reason')
    RETURNING * INTO s;
    PERFORM croft_changed('session.impersonated', m.tenant_id, 'session', s.id, NULL, jsonb_build_object('user_id', u.id,
        'impersonator_id', v_staff.id, 'impersonator', v_staff.email, 'reason', s.reason, 'expires_at', s.expires_at));
    PERFORM croft_mail('impersonation', o.email, s.id, jsonb_build_object('tenant', t.name, 'reason', s.reason,
            'staff', v_staff.email, 'expires_at', s.expires_at))
        FROM memberships x JOIN users o ON o.id = x.user_id AND o.state = 'active' JOIN tenants t ON t.id = x.tenant_id
        WHERE x.tenant_id = m.tenant_id AND x.role = 'owner';
    a := (201, json_build_object('id', s.id, 'expires_at', s.expires_at, 'user', json_build_object('id', u.id, 'email', u.email),
        'tenant_id', m.tenant_id, 'role', m.role, 'reason', s.reason)::text, NULL, NULL);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

-- Emergencies, on the owner's connection: a new password and an end of the second factor for somebody who has lost them.
-- {email, password_hash?, totp?: false}
CREATE OR REPLACE FUNCTION croft_user_rescue(p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_user uuid;
    v_totp boolean := false;
BEGIN
    SELECT id INTO v_user FROM users WHERE lower(email) = lower(p_req->>'email') FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('user');
    END IF;
    IF p_req ? 'password_hash' THEN
        PERFORM croft_password_set(v_user, p_req->>'password_hash', NULL);
    END IF;
    IF p_req->>'totp' = 'false' THEN
        v_totp := croft_totp_remove(v_user);
    END IF;
    DELETE FROM signin_attempts WHERE kind = 'account' AND key IN (croft_account_key(p_req->>'email'), 'person ' || v_user);
    RETURN (200, json_build_object('user_id', v_user, 'totp_removed', v_totp)::text, NULL, NULL)::croft_answer;
END
$$;

-- A token that must not work any more, whosever it is: {id} or, of one that was found somewhere, {token_hash}.
CREATE OR REPLACE FUNCTION croft_token_rescue(p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tokens;
BEGIN
    UPDATE tokens SET revoked_at = now() WHERE revoked_at IS NULL AND (id = (p_req->>'id')::uuid OR token_hash = p_req->>'token_hash')
        RETURNING * INTO t;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('token that is valid');
    END IF;
    PERFORM croft_changed('token.deleted', t.tenant_id, 'token', t.id, jsonb_build_object('name', t.name, 'prefix', t.prefix), NULL);
    RETURN (200, json_build_object('token_id', t.id, 'name', t.name, 'tenant_id', t.tenant_id, 'user_id', t.user_id)::text, NULL, NULL)::croft_answer;
END
$$;

-- Every session of somebody, and every one that they opened in a customer's place: {email}.
CREATE OR REPLACE FUNCTION croft_sessions_rescue(p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_user uuid;
    v_count int;
BEGIN
    SELECT id INTO v_user FROM users WHERE lower(email) = lower(p_req->>'email') FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('user');
    END IF;
    UPDATE sessions SET revoked_at = now() WHERE v_user IN (user_id, impersonator_id) AND revoked_at IS NULL AND expires_at > now();
    GET DIAGNOSTICS v_count = ROW_COUNT;
    DELETE FROM devices WHERE user_id = v_user;
    PERFORM croft_changed('user.sessions_ended', NULL, 'user', v_user, NULL, jsonb_build_object('sessions_ended', v_count));
    RETURN (200, json_build_object('user_id', v_user, 'sessions_ended', v_count)::text, NULL, NULL)::croft_answer;
END
$$;
