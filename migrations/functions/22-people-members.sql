-- Who belongs to a tenant, and who is asked in. Nobody gives or takes a role above their own; a tenant that has an owner keeps one.

CREATE OR REPLACE FUNCTION croft_role_rank(p_role text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE p_role WHEN 'owner' THEN 3 WHEN 'admin' THEN 2 WHEN 'member' THEN 1 WHEN 'billing' THEN 1 ELSE 0 END;

-- An admin gives the role of owner only where nobody has it yet: a reseller's first step in a tenant that it made.
CREATE OR REPLACE FUNCTION croft_check_rank(p_role text, p_pointer text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_own int := croft_role_rank(croft_setting('role'));
BEGIN
    IF v_own < 2 THEN
        PERFORM croft_raise(403, 'forbidden', 'Only owners and admins manage members.');
    ELSIF croft_role_rank(p_role) > v_own
        AND EXISTS (SELECT FROM memberships WHERE tenant_id = croft_tenant_id() AND role = 'owner') THEN
        PERFORM croft_raise(403, 'forbidden', format('An %s does not decide over the role %s.', croft_setting('role'), p_role), p_pointer);
    END IF;
END
$$;

-- Before an owner goes: locks all of them, in order, so that of two who go at once one stays.
CREATE OR REPLACE FUNCTION croft_check_owner_left(p_user uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM memberships m JOIN users u ON u.id = m.user_id AND u.state = 'active'
        WHERE m.tenant_id = croft_tenant_id() AND m.role = 'owner' AND m.user_id <> p_user) THEN
        PERFORM croft_raise(409, 'last_owner', 'The last owner stays: make somebody else an owner first.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_member_lock(p_user uuid) RETURNS memberships LANGUAGE plpgsql AS $$
DECLARE
    m memberships;
BEGIN
    PERFORM FROM memberships WHERE tenant_id = croft_tenant_id() AND role = 'owner' ORDER BY user_id FOR UPDATE;
    SELECT * INTO m FROM memberships WHERE tenant_id = croft_tenant_id() AND user_id = p_user FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('member');
    END IF;
    RETURN m;
END
$$;

-- Invitations that somebody could no longer send.
CREATE OR REPLACE FUNCTION croft_invitations_drop(p_tenant uuid, p_user uuid, p_rank int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (DELETE FROM invitations WHERE tenant_id = p_tenant AND invited_by = p_user
        AND (p_rank < 2 OR croft_role_rank(role) > p_rank) RETURNING id)
    DELETE FROM mails WHERE state = 'queued' AND subject_id IN (SELECT id FROM gone);
END
$$;

-- Who no longer runs a reseller leaves nothing behind that acts in the tenants below it. p_tenant null: whichever reseller.
CREATE OR REPLACE FUNCTION croft_below_end(p_tenant uuid, p_user uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tokens;
    v_below uuid;
BEGIN
    FOR t IN SELECT k.* FROM tokens k JOIN tenants c ON c.id = k.tenant_id
        WHERE k.made_by = p_user AND k.revoked_at IS NULL AND c.parent_id = coalesce(p_tenant, c.parent_id) ORDER BY k.id FOR NO KEY UPDATE OF k
    LOOP
        UPDATE tokens SET revoked_at = now() WHERE id = t.id;
        PERFORM croft_changed('token.deleted', t.tenant_id, 'token', t.id, jsonb_build_object('name', t.name, 'prefix', t.prefix), NULL);
    END LOOP;
    FOR v_below IN SELECT DISTINCT i.tenant_id FROM invitations i JOIN tenants c ON c.id = i.tenant_id
        WHERE i.invited_by = p_user AND c.parent_id = coalesce(p_tenant, c.parent_id) ORDER BY i.tenant_id
    LOOP
        PERFORM croft_invitations_drop(v_below, p_user, -1);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_member_json(m memberships) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.id, 'email', u.email, 'name', u.name, 'role', m.role, 'totp_enabled', croft_has_totp(u.id),
        'created_at', m.created_at)
    FROM users_visible u WHERE u.id = m.user_id
$$;

CREATE OR REPLACE FUNCTION croft_member_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    m memberships := croft_member_lock((p_req->>'id')::uuid);
    v_old text := m.role;
    v_new text := coalesce(p_req->'body'->>'role', m.role);
BEGIN
    PERFORM croft_check_match(p_req, m.version);
    PERFORM croft_check_rank(v_old, '');
    PERFORM croft_check_rank(v_new, '/role');
    IF v_old = 'owner' AND v_new <> 'owner' THEN
        PERFORM croft_check_owner_left(m.user_id);
    END IF;
    UPDATE memberships SET role = v_new WHERE user_id = m.user_id AND tenant_id = m.tenant_id RETURNING * INTO m;
    PERFORM croft_invitations_drop(m.tenant_id, m.user_id, croft_role_rank(v_new));
    IF croft_role_rank(v_new) < 2 THEN
        PERFORM croft_below_end(m.tenant_id, m.user_id);
    END IF;
    PERFORM croft_changed('member.updated', m.tenant_id, 'user', m.user_id, jsonb_build_object('role', v_old),
        jsonb_build_object('role', v_new));
    RETURN (200, croft_member_json(m)::text, croft_etag(m.version), NULL)::croft_answer;
END
$$;

-- Everything that let the person in goes in one transaction. Whoever may leave may do so by themselves, whatever their role.
CREATE OR REPLACE FUNCTION croft_member_end(m memberships) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM memberships WHERE user_id = m.user_id AND tenant_id = m.tenant_id;
    UPDATE tokens SET revoked_at = now() WHERE user_id = m.user_id AND tenant_id = m.tenant_id AND revoked_at IS NULL;
    UPDATE sessions SET revoked_at = now() WHERE user_id = m.user_id AND tenant_id = m.tenant_id AND revoked_at IS NULL;
    PERFORM croft_invitations_drop(m.tenant_id, m.user_id, -1);
    PERFORM croft_below_end(m.tenant_id, m.user_id);
    PERFORM croft_changed('member.deleted', m.tenant_id, 'user', m.user_id,
        jsonb_build_object('role', m.role, 'email', (SELECT email FROM users WHERE id = m.user_id)), NULL);
END
$$;

CREATE OR REPLACE FUNCTION croft_member_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    m memberships := croft_member_lock((p_req->>'id')::uuid);
BEGIN
    IF m.user_id IS DISTINCT FROM croft_user_id() THEN
        PERFORM croft_check_rank(m.role, '');
    END IF;
    IF m.role = 'owner' THEN
        PERFORM croft_check_owner_left(m.user_id);
    END IF;
    PERFORM croft_member_end(m);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_invitation_json(i invitations_visible) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', i.id, 'email', i.email, 'role', i.role, 'invited_by', i.invited_by, 'created_at', i.created_at,
        'expires_at', i.expires_at);

-- body: {email, role, expires_in?, nonce, token_hash}. The link goes to the address alone, not to who invites.
CREATE OR REPLACE FUNCTION croft_invitation_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    i invitations_visible;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_check_rank(v_body->>'role', '/role');
    IF EXISTS (SELECT FROM memberships m JOIN users u ON u.id = m.user_id
        WHERE m.tenant_id = croft_tenant_id() AND lower(u.email) = lower(v_body->>'email')) THEN
        PERFORM croft_raise(409, 'conflict', 'This person is a member already.', '/email');
    ELSIF (SELECT count(*) FROM invitations WHERE tenant_id = croft_tenant_id() AND expires_at > now()) >= 100 THEN
        PERFORM croft_raise(429, 'rate_limited', 'A hundred invitations are open: take some back first.');
    END IF;
    DELETE FROM invitations WHERE tenant_id = croft_tenant_id() AND lower(email) = lower(v_body->>'email') AND expires_at <= now();
    INSERT INTO invitations (tenant_id, email, role, token_hash, invited_by, expires_at)
    VALUES (croft_tenant_id(), v_body->>'email', v_body->>'role', v_body->>'token_hash', coalesce(croft_user_id(), (croft_token_maker()).made_by),
        now() + make_interval(secs => coalesce((v_body->>'expires_in')::int, 604800)))
    ON CONFLICT (tenant_id, lower(email)) DO NOTHING
    RETURNING id, tenant_id, email, role, invited_by, created_at, expires_at INTO i;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'An invitation of this address is open: take it back first.', '/email');
    END IF;
    PERFORM croft_mail('invitation', i.email, i.id, jsonb_build_object('nonce', v_body->>'nonce', 'role', i.role,
        'tenant', (SELECT name FROM tenants WHERE id = i.tenant_id), 'expires_at', i.expires_at));
    PERFORM croft_changed('invitation.created', i.tenant_id, 'invitation', i.id, NULL, to_jsonb(croft_invitation_json(i)));
    a := (201, croft_invitation_json(i)::text, NULL, NULL);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_invitation_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i invitations;
BEGIN
    DELETE FROM invitations WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() RETURNING * INTO i;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('invitation');
    END IF;
    PERFORM croft_check_rank(i.role, '');
    DELETE FROM mails WHERE subject_id = i.id AND state = 'queued';
    PERFORM croft_changed('invitation.deleted', i.tenant_id, 'invitation', i.id,
        jsonb_build_object('email', i.email, 'role', i.role), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- Whether the link may be used and whether it would make a new user, who needs a password.
CREATE OR REPLACE FUNCTION croft_invitation_find(p_token_hash text, OUT is_open boolean, OUT known boolean) LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT EXISTS (SELECT FROM users u WHERE lower(u.email) = lower(i.email)) INTO known
        FROM invitations i JOIN tenants t ON t.id = i.tenant_id AND t.effective_state = 'active'
        WHERE i.token_hash = p_token_hash AND i.expires_at > now();
    is_open := FOUND;
END
$$;

-- Whose session it is that accepts. The address that was invited is what counts.
CREATE OR REPLACE FUNCTION croft_invitee(p_session uuid, p_email text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_user uuid;
    v_email text;
BEGIN
    SELECT u.id, u.email INTO v_user, v_email FROM sessions s JOIN users u ON u.id = s.user_id AND u.state = 'active'
        WHERE s.id = p_session AND s.revoked_at IS NULL AND s.expires_at > now() AND s.impersonator_id IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The session has ended: sign in again.');
    ELSIF lower(v_email) <> lower(p_email) THEN
        PERFORM croft_raise(403, 'forbidden', 'The invitation is for another address than yours.');
    END IF;
    RETURN v_user;
END
$$;

-- {token_hash, session?, password_hash?, name?, peer, request_id}: as who is signed in, or as a new user.
CREATE OR REPLACE FUNCTION croft_invitation_accept(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i invitations;
    t tenants;
    v_user uuid;
BEGIN
    DELETE FROM invitations WHERE token_hash = p_req->>'token_hash' AND expires_at > now() RETURNING * INTO i;
    IF FOUND THEN
        SELECT * INTO t FROM tenants WHERE id = i.tenant_id AND effective_state = 'active' FOR SHARE;
    END IF;
    IF t.id IS NULL THEN
        PERFORM croft_raise(422, 'invalid_value', 'The link is unknown, was used or has expired.', '/token');
    END IF;
    IF p_req ? 'session' THEN
        v_user := croft_invitee((p_req->>'session')::uuid, i.email);
        PERFORM croft_enter(i.tenant_id, v_user, NULL, NULL, (p_req->>'session')::uuid, p_req->>'peer', p_req->>'request_id', NULL);
    ELSE
        INSERT INTO users (email, password_hash, name) VALUES (i.email, p_req->>'password_hash', coalesce(p_req->>'name', ''))
            ON CONFLICT (lower(email)) DO NOTHING RETURNING id INTO v_user;
        IF NOT FOUND THEN
            PERFORM croft_raise(409, 'conflict', 'There is a user with this address: sign in, then accept.');
        END IF;
        PERFORM croft_enter(i.tenant_id, v_user, NULL, NULL, NULL, p_req->>'peer', p_req->>'request_id', NULL);
        PERFORM croft_changed('user.created', i.tenant_id, 'user', v_user, NULL, jsonb_build_object('email', i.email));
    END IF;
    INSERT INTO memberships (user_id, tenant_id, role) VALUES (v_user, i.tenant_id, i.role) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'You are a member already.');
    END IF;
    PERFORM croft_changed('member.created', i.tenant_id, 'user', v_user, NULL,
        jsonb_build_object('email', i.email, 'role', i.role, 'invitation_id', i.id, 'invited_by', i.invited_by));
    RETURN (201, json_build_object('tenant', json_build_object('id', t.id, 'name', t.name), 'role', i.role,
        'user', json_build_object('id', v_user, 'email', i.email))::text, NULL, NULL)::croft_answer;
END
$$;
