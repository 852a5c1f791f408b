-- Tokens: what one may do, and that none makes another that may do more.

CREATE OR REPLACE FUNCTION croft_token_json(t tokens_visible) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', t.id, 'name', t.name, 'prefix', t.prefix, 'user_id', t.user_id, 'scopes', t.scopes,
        'read_only', t.read_only, 'addresses', t.addresses, 'role', t.role, 'platform_role', t.platform_role,
        'created_at', t.created_at, 'expires_at', t.expires_at, 'last_used_at', t.last_used_at);

-- The other place that lists them: server/api/routes_check.c. A test makes a token of each scope that a route asks for.
CREATE OR REPLACE FUNCTION croft_scope_is(p_scope text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_scope IN ('read', 'write') OR split_part(p_scope, ':', 2) IN ('read', 'write') AND split_part(p_scope, ':', 3) = ''
        AND split_part(p_scope, ':', 1) IN ('billing', 'catalogue', 'console', 'events', 'images', 'members', 'network', 'nodes',
            'profile', 'quotas', 'snapshots', 'tasks', 'tenants', 'tokens', 'vps', 'webhooks');

-- What the token that is asked for starts from: everything that who asks may do. Of a session the limits are the role's.
CREATE OR REPLACE FUNCTION croft_token_maker() RETURNS tokens LANGUAGE plpgsql STABLE AS $$
DECLARE
    t tokens;
BEGIN
    SELECT * INTO t FROM tokens WHERE id = croft_setting('token')::uuid;
    IF NOT FOUND THEN
        t.scopes := '{read,write}';
        t.platform_role := (SELECT u.platform_role FROM users u WHERE u.id = croft_user_id());
    END IF;
    RETURN t;
END
$$;

CREATE OR REPLACE FUNCTION croft_token_scopes(p_asked jsonb, p_own text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_scope text;
    i int := 0;
BEGIN
    IF coalesce(jsonb_typeof(p_asked), 'null') = 'null' THEN
        RETURN p_own;
    END IF;
    FOR v_scope IN SELECT jsonb_array_elements_text(p_asked) LOOP
        IF NOT croft_scope_is(v_scope) THEN
            PERFORM croft_raise(422, 'invalid_value', 'A scope is read, write or such as vps:read.', '/scopes/' || i);
        ELSIF NOT croft_scope_held(p_own, v_scope) THEN
            PERFORM croft_raise(403, 'forbidden', 'The token does not have a scope that it would give.', '/scopes/' || i);
        END IF;
        i := i + 1;
    END LOOP;
    RETURN (SELECT array_agg(DISTINCT s ORDER BY s) FROM jsonb_array_elements_text(p_asked) s);
END
$$;

CREATE OR REPLACE FUNCTION croft_token_range(p_text text, p_pointer text) RETURNS cidr LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_text !~ '^[0-9]+(\.[0-9]+){3}(/[0-9]+)?$' AND p_text NOT LIKE '%:%' THEN -- '0' would be 0.0.0.0/8
        RAISE invalid_text_representation;
    END IF;
    RETURN p_text::cidr;
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_raise(422, 'invalid_value', 'A range is such as 192.0.2.0/24 or 2001:db8::/32.', p_pointer);
END
$$;

CREATE OR REPLACE FUNCTION croft_token_ranges(p_asked jsonb, p_own cidr[]) RETURNS cidr[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_text text;
    v_range cidr;
    v_ranges cidr[] := '{}';
BEGIN
    IF coalesce(jsonb_typeof(p_asked), 'null') = 'null' THEN
        RETURN p_own;
    END IF;
    FOR v_text IN SELECT jsonb_array_elements_text(p_asked) LOOP
        v_range := croft_token_range(v_text, '/addresses/' || cardinality(v_ranges));
        IF NOT v_range <<= ANY (p_own) THEN
            PERFORM croft_raise(403, 'forbidden', 'The token may not be used from all of this range itself.',
                '/addresses/' || cardinality(v_ranges));
        END IF;
        v_ranges := v_ranges || v_range;
    END LOOP;
    RETURN v_ranges;
END
$$;

CREATE OR REPLACE FUNCTION croft_token_expiry(p_asked text, p_own timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_at timestamptz;
BEGIN
    v_at := p_asked::timestamptz;
    IF v_at <= now() THEN
        PERFORM croft_raise(422, 'invalid_value', 'The token would have expired already.', '/expires_at');
    ELSIF v_at > p_own THEN
        PERFORM croft_raise(403, 'forbidden', 'The token expires before that itself.', '/expires_at');
    END IF;
    RETURN coalesce(v_at, p_own);
EXCEPTION
    WHEN invalid_datetime_format OR datetime_field_overflow OR invalid_time_zone_displacement_value THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is not an RFC 3339 time.', '/expires_at');
END
$$;

-- Null follows the user's role, whatever that will be.
CREATE OR REPLACE FUNCTION croft_token_role(p_asked text, p_own text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF croft_role_least(p_asked, croft_setting('role')) <> p_asked THEN
        PERFORM croft_raise(403, 'forbidden', 'A token may not do more than who makes it.', '/role');
    END IF;
    RETURN coalesce(p_asked, p_own);
END
$$;

-- Staff's tokens are made in the operator's tenant only, so that no customer's member sees or revokes one.
CREATE OR REPLACE FUNCTION croft_token_platform_role(p_asked text, p_own text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_asked IS DISTINCT FROM p_own AND p_asked IS NOT NULL OR p_asked IS NOT NULL AND croft_tenant_id() <> croft_root() THEN
        PERFORM croft_raise(403, 'forbidden', 'Only staff makes tokens for staff, in the tenant of the operator.', '/platform_role');
    END IF;
    RETURN p_asked;
END
$$;

CREATE OR REPLACE FUNCTION croft_token_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_body jsonb := p_req->'body';
    v_shown jsonb;
    a croft_answer := croft_idempotency_begin(p_req);
    o tokens := croft_token_maker();
    t tokens;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    -- Who acts in a tenant from above is no member there: the token is the tenant's own, and so is one that it makes.
    INSERT INTO tokens (tenant_id, user_id, made_by, name, token_hash, prefix, scopes, read_only, addresses, role, platform_role, expires_at)
    VALUES (croft_tenant_id(), CASE WHEN croft_setting('actor_tenant') IS NULL THEN croft_user_id() END,
        CASE WHEN croft_setting('actor_tenant') IS NULL THEN o.made_by ELSE croft_user_id() END, v_body->>'name',
        v_body->>'token_hash', v_body->>'token_prefix', croft_token_scopes(v_body->'scopes', o.scopes),
        coalesce((v_body->>'read_only')::boolean, false), croft_token_ranges(v_body->'addresses', o.addresses),
        croft_token_role(v_body->>'role', o.role), croft_token_platform_role(v_body->>'platform_role', o.platform_role),
        croft_token_expiry(v_body->>'expires_at', o.expires_at))
    RETURNING * INTO t;
    v_shown := (SELECT to_jsonb(croft_token_json(s)) FROM tokens_visible s WHERE s.id = t.id);
    PERFORM croft_changed('token.created', t.tenant_id, 'token', t.id, NULL, v_shown);
    v_shown := v_shown || coalesce(jsonb_build_object('token', v_body->'token'), '{}');
    a := (201, CASE WHEN v_body ? 'token' THEN v_shown ELSE v_shown - 'token' END::text, NULL, '/v1/tokens/' || t.id);
    RETURN croft_idempotency_end(p_req, a, (v_shown || '{"token":null}')::text);
END
$$;

CREATE OR REPLACE FUNCTION croft_token_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    v_user uuid;
    v_before jsonb;
BEGIN
    SELECT to_jsonb(croft_token_json(t)) INTO v_before FROM tokens_visible t WHERE t.id = v_id;
    UPDATE tokens SET revoked_at = now() WHERE id = v_id AND tenant_id = croft_tenant_id() AND revoked_at IS NULL
        RETURNING user_id INTO v_user;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('token');
    ELSIF croft_setting('role') = 'member' AND v_user IS DISTINCT FROM croft_user_id() THEN
        PERFORM croft_raise(403, 'forbidden', 'A member revokes only tokens of its own.');
    END IF;
    PERFORM croft_changed('token.deleted', croft_tenant_id(), 'token', v_id, v_before, NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
