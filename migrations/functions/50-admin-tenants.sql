-- What an operator does to tenants, quotas and people.

CREATE OR REPLACE FUNCTION croft_root() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM tenants WHERE kind = 'operator'
$$;

-- Sets ceilings; the rows of a resource must be known, and a ceiling below what is used is refused.
CREATE OR REPLACE FUNCTION croft_quota_set(p_tenant uuid, p_limits jsonb, p_pointer text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT l.key, l.value, r.name FROM jsonb_each(p_limits) l LEFT JOIN resources r ON r.name = l.key ORDER BY l.key
    LOOP
        IF x.name IS NULL THEN
            PERFORM croft_raise(422, 'invalid_value', 'There is no such resource.', p_pointer || '/' || x.key);
        END IF;
        INSERT INTO quotas (tenant_id, resource, ceiling) VALUES (p_tenant, x.key, croft_amount(x.value, p_pointer || '/' || x.key))
            ON CONFLICT (tenant_id, resource) DO UPDATE SET ceiling = excluded.ceiling
            WHERE excluded.ceiling IS NULL OR quotas.used <= excluded.ceiling;
        IF NOT FOUND THEN
            PERFORM croft_raise(409, 'conflict', format('More of %s is used than that: %s.', x.key,
                (SELECT used FROM quotas WHERE tenant_id = p_tenant AND resource = x.key)), p_pointer || '/' || x.key);
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    t tenants;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    INSERT INTO tenants (parent_id, kind, name) VALUES (croft_root(), 'tenant', v_body->>'name') RETURNING * INTO t;
    IF jsonb_typeof(v_body->'quotas') = 'object' THEN
        PERFORM croft_quota_set(t.id, v_body->'quotas', '/quotas');
    END IF;
    PERFORM croft_changed('tenant.created', t.id, 'tenant', t.id, NULL,
        to_jsonb(croft_tenant_json(t)) || jsonb_build_object('quotas', v_body->'quotas'));
    a := (201, croft_tenant_json(t)::text, croft_etag(t.version), '/v1/admin/tenants/' || t.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t tenants;
    v_before jsonb;
BEGIN
    SELECT * INTO t FROM tenants WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    PERFORM croft_check_match(p_req, t.version);
    v_before := to_jsonb(croft_tenant_json(t));
    UPDATE tenants SET name = coalesce(p_req->'body'->>'name', name) WHERE id = t.id RETURNING * INTO t;
    PERFORM croft_changed('tenant.updated', t.id, 'tenant', t.id, v_before, to_jsonb(croft_tenant_json(t)));
    RETURN (200, croft_tenant_json(t)::text, croft_etag(t.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_quota_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    v_before json;
BEGIN
    PERFORM FROM tenants WHERE id = v_id FOR SHARE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    IF v_id = croft_root() THEN
        PERFORM croft_raise(409, 'conflict', 'The operator''s own tenant has no quotas: it may use everything there is.');
    END IF;
    v_before := croft_quotas_json(v_id);
    PERFORM croft_quota_set(v_id, p_req->'body', '');
    PERFORM croft_event('quota.set', v_id, 'tenant', v_id,
        jsonb_build_object('before', v_before->'items', 'after', croft_quotas_json(v_id)->'items'));
    RETURN (200, croft_quotas_json(v_id)::text, NULL, NULL)::croft_answer;
END
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
BEGIN
    INSERT INTO users (email, password_hash, platform_role) VALUES (p_req->>'email', p_req->>'password_hash', 'operator')
        ON CONFLICT (lower(email)) DO UPDATE
        SET platform_role = 'operator', password_hash = coalesce(excluded.password_hash, users.password_hash)
        RETURNING id INTO v_user;
    INSERT INTO memberships (user_id, tenant_id, role) VALUES (v_user, v_root, 'owner')
        ON CONFLICT (user_id, tenant_id) DO NOTHING;
    INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix, platform_role)
        VALUES (v_root, v_user, 'croft-server admin operator', p_req->>'token_hash', p_req->>'token_prefix', 'operator');
    PERFORM croft_changed('operator.ensured', v_root, 'user', v_user, NULL,
        jsonb_build_object('email', p_req->>'email', 'platform_role', 'operator', 'token_prefix', p_req->>'token_prefix'));
    RETURN (201, json_build_object('user_id', v_user, 'tenant_id', v_root)::text, NULL, NULL)::croft_answer;
END
$$;
