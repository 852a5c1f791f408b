-- What an operator does to people.

CREATE OR REPLACE FUNCTION croft_root() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM tenants WHERE kind = 'operator'
$$;

CREATE OR REPLACE FUNCTION croft_user_body(p_user uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT croft_user_json(u)::text FROM users_visible u WHERE u.id = p_user
$$;

CREATE OR REPLACE FUNCTION croft_admin_user_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v_tenant uuid;
    v_id uuid;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    SELECT id INTO v_tenant FROM tenants WHERE id = (v_body->>'tenant_id')::uuid AND state <> 'closed' FOR SHARE;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such tenant.', '/tenant_id');
    ELSIF coalesce(v_body->>'role', '') NOT IN ('owner', 'admin', 'member', 'billing', 'viewer') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A role is owner, admin, member, billing or viewer.', '/role');
    END IF;
    INSERT INTO users (email, password_hash) VALUES (v_body->>'email', v_body->>'password_hash')
        ON CONFLICT (lower(email)) DO NOTHING RETURNING id INTO v_id;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'conflict', 'There is a user with this email.', '/email');
    END IF;
    INSERT INTO memberships (user_id, tenant_id, role) VALUES (v_id, v_tenant, v_body->>'role');
    PERFORM croft_changed('user.created', v_tenant, 'user', v_id, NULL,
        jsonb_build_object('email', v_body->>'email', 'role', v_body->>'role'));
    a := (201, croft_user_body(v_id), NULL, NULL);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

-- The first operator, and the next: makes or finds the user, makes it staff, adds a token. For the owner's connection.
CREATE OR REPLACE FUNCTION croft_operator_ensure(p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_user uuid;
    v_root uuid := croft_root();
    v_known boolean := EXISTS (SELECT FROM users WHERE lower(email) = lower(p_req->>'email'));
BEGIN
    INSERT INTO users (email, password_hash, platform_role) VALUES (p_req->>'email', p_req->>'password_hash', 'operator')
        ON CONFLICT (lower(email)) DO UPDATE
        SET platform_role = 'operator'
        RETURNING id INTO v_user;
    IF v_known AND p_req->>'password_hash' IS NOT NULL THEN
        PERFORM croft_password_set(v_user, p_req->>'password_hash', NULL);
    END IF;
    INSERT INTO memberships (user_id, tenant_id, role) VALUES (v_user, v_root, 'owner')
        ON CONFLICT (user_id, tenant_id) DO NOTHING;
    INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix, platform_role)
        VALUES (v_root, v_user, 'croft-server admin operator', p_req->>'token_hash', p_req->>'token_prefix', 'operator');
    PERFORM croft_changed('operator.ensured', v_root, 'user', v_user, NULL,
        jsonb_build_object('email', p_req->>'email', 'platform_role', 'operator', 'token_prefix', p_req->>'token_prefix'));
    RETURN (201, json_build_object('user_id', v_user, 'tenant_id', v_root)::text, NULL, NULL)::croft_answer;
END
$$;
