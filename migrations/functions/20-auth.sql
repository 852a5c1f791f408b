-- Who asks. croft_server itself may execute these and nothing else before the role is switched.

-- Sets the context for the rest of the transaction. Every setting is set, so that none is left of another request.
CREATE OR REPLACE FUNCTION croft_enter(p_tenant uuid, p_user uuid, p_role text, p_token uuid, p_session uuid,
    p_peer text, p_request text, p_traceparent text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('croft.tenant', coalesce(p_tenant::text, ''), true),
        set_config('croft.user', coalesce(p_user::text, ''), true),
        set_config('croft.role', coalesce(p_role, ''), true),
        set_config('croft.token', coalesce(p_token::text, ''), true),
        set_config('croft.session', coalesce(p_session::text, ''), true),
        set_config('croft.node', '', true),
        set_config('croft.actor_tenant', '', true),
        set_config('croft.impersonator', '', true),
        set_config('croft.peer', coalesce(p_peer, ''), true),
        set_config('croft.request_id', coalesce(p_request, ''), true),
        set_config('croft.traceparent', coalesce(p_traceparent, ''), true);
END
$$;

-- Whether a token's scopes hold the one that a route asks for: resource:read or resource:write. Writing a thing includes
-- reading it, read is every reading, write is everything, and any:* is asked for where every token may. The short way in
-- asks it, too (token_enter.sql), so it is of a form that the planner inlines.
CREATE OR REPLACE FUNCTION croft_scope_held(p_scopes text[], p_scope text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_scopes && ARRAY['write', p_scope, split_part(p_scope, ':', 1) || ':write',
        CASE WHEN p_scope LIKE '%:read' THEN 'read' ELSE 'write' END] OR p_scope LIKE 'any:%';

CREATE OR REPLACE FUNCTION croft_scope_writes(p_scope text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN p_scope NOT LIKE '%:read';

-- The role that may do only what both may; null is no bound.
CREATE OR REPLACE FUNCTION croft_role_least(p_role text, p_bound text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN p_role IS NULL OR p_bound IS NULL OR p_bound = p_role OR p_bound = 'owner' THEN p_role
        WHEN p_role = 'owner' THEN p_bound
        WHEN p_bound = 'admin' THEN p_role
        WHEN p_role = 'admin' THEN p_bound
        ELSE 'viewer' END;

-- What holds for tokens and sessions alike: the route says who may (server/api/routes.c), this compares.
CREATE OR REPLACE FUNCTION croft_check_access(p_surface text, p_scope text, p_roles text[], p_platform_role text, p_role text,
    p_tenant_state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_surface = 'operator' THEN
        IF NOT coalesce(p_platform_role = ANY (p_roles), false) THEN
            PERFORM croft_raise(403, 'forbidden', 'This needs the platform role operator.');
        END IF;
    ELSIF p_surface <> 'tenant' THEN
        PERFORM croft_raise(500, 'internal', 'There is no such surface.');
    ELSIF NOT coalesce(p_role = ANY (p_roles), false) THEN
        PERFORM croft_raise(403, 'forbidden', format('The role %s may not do this.', p_role));
    ELSIF croft_scope_writes(p_scope) AND p_scope !~ '^(profile|billing):' AND p_tenant_state <> 'active' THEN -- whoever is stopped may pay
        PERFORM croft_raise(403, 'forbidden', format('The tenant is %s.', p_tenant_state));
    END IF;
END
$$;

-- What a token's own limits say of this request. A range that cannot be told to hold does not.
CREATE OR REPLACE FUNCTION croft_check_token(p_scopes text[], p_read_only boolean, p_addresses cidr[], p_scope text, p_peer text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_addresses IS NOT NULL AND NOT coalesce(p_peer::inet <<= ANY (p_addresses), false) THEN
        PERFORM croft_raise(403, 'forbidden', 'The token may not be used from this address.');
    ELSIF NOT croft_scope_held(p_scopes, p_scope) THEN
        PERFORM croft_raise(403, 'forbidden', format('The token does not have the scope %s.', p_scope));
    ELSIF p_read_only AND croft_scope_writes(p_scope) THEN
        PERFORM croft_raise(403, 'forbidden', 'The token is for reading only.');
    END IF;
END
$$;

-- Notes the use of a token, once a minute, and the role it enters with; never waits for another request that does. What
-- decides the role is held meanwhile, so that a change of it clears what is noted here, not the other way round.
CREATE OR REPLACE FUNCTION croft_token_used(p_token uuid, p_tenant uuid, p_user uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_role text := CASE WHEN p_user IS NULL THEN 'admin' END;
BEGIN
    PERFORM FROM tenants WHERE id = p_tenant AND state <> 'closed' FOR SHARE;
    IF FOUND AND p_user IS NOT NULL THEN
        PERFORM FROM users WHERE id = p_user AND state = 'active' FOR SHARE;
        IF FOUND THEN
            SELECT role INTO v_role FROM memberships WHERE user_id = p_user AND tenant_id = p_tenant FOR SHARE;
        END IF;
    ELSIF NOT FOUND THEN
        v_role := NULL;
    END IF;
    UPDATE tokens SET last_used_at = now(), entry_role = croft_role_least(v_role, role) WHERE id = (
        SELECT t.id FROM tokens t
        WHERE t.id = p_token AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' OR t.entry_role IS NULL)
        FOR NO KEY UPDATE SKIP LOCKED);
END
$$;

-- For what stays open (server/revocation.h); null: for ever.
CREATE OR REPLACE FUNCTION croft_seconds_until(p_time timestamptz) RETURNS int LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ceil(least(extract(epoch FROM p_time - now()), 2000000000))::int;

-- Who runs a reseller acts in a tenant below it as its admin: the header Croft-Tenant names which. No row: there is none such.
CREATE OR REPLACE FUNCTION croft_child(p_home uuid, p_role text, p_wanted uuid, OUT tenant_id uuid, OUT state text)
LANGUAGE sql STABLE AS $$
    SELECT c.id, c.effective_state FROM tenants c JOIN tenants h ON h.id = p_home AND h.id = c.parent_id
    WHERE c.id = p_wanted AND h.kind = 'reseller' AND h.effective_state = 'active' AND c.effective_state <> 'closed' AND p_role IN ('owner', 'admin')
$$;

CREATE OR REPLACE FUNCTION croft_auth_token(p_hash text, p_surface text, p_tenant uuid, p_scope text, p_peer text,
    p_request text, p_traceparent text, p_roles text[])
RETURNS TABLE (token_id uuid, session_id uuid, user_id uuid, tenant_id uuid, role text, db_role text, valid_s int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    k record;
    v_home uuid;
BEGIN
    SELECT t.id, t.user_id, t.tenant_id, t.expires_at, t.scopes, t.read_only, t.addresses, t.platform_role, n.effective_state AS tenant_state,
        t.last_used_at, t.entry_role, u.state AS user_state, u.platform_role AS user_platform_role,
        croft_role_least(CASE WHEN t.user_id IS NULL THEN 'admin' ELSE m.role END, t.role) AS role
    INTO k
    FROM tokens t
    JOIN tenants n ON n.id = t.tenant_id
    LEFT JOIN users u ON u.id = t.user_id
    LEFT JOIN memberships m ON m.user_id = t.user_id AND m.tenant_id = t.tenant_id
    WHERE t.token_hash = p_hash AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
    IF NOT FOUND OR k.role IS NULL OR k.user_state = 'disabled' OR k.tenant_state = 'closed' THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The token is unknown, expired or revoked.');
    END IF;
    PERFORM croft_check_token(k.scopes, k.read_only, k.addresses, p_scope, p_peer);
    IF p_tenant <> k.tenant_id AND p_surface = 'tenant' THEN
        v_home := k.tenant_id;
        SELECT c.tenant_id, c.state, 'admin' INTO k.tenant_id, k.tenant_state, k.role
            FROM croft_child(k.tenant_id, k.role, p_tenant) c WHERE c.tenant_id IS NOT NULL;
        IF NOT FOUND THEN
            PERFORM croft_raise(403, 'forbidden', 'The token belongs to another tenant than Croft-Tenant names.');
        END IF;
    END IF;
    -- Staff who are staff no more lose it in their tokens, too.
    PERFORM croft_check_access(p_surface, p_scope, p_roles,
        CASE WHEN k.user_id IS NULL OR k.user_platform_role = 'operator' THEN k.platform_role END, k.role, k.tenant_state);
    IF k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' OR k.entry_role IS NULL THEN
        PERFORM croft_token_used(k.id, coalesce(v_home, k.tenant_id), k.user_id);
    END IF;
    PERFORM croft_enter(k.tenant_id, k.user_id, k.role, k.id, NULL, p_peer, p_request, p_traceparent),
        set_config('croft.actor_tenant', coalesce(v_home::text, ''), true);
    RETURN QUERY SELECT k.id, NULL::uuid, k.user_id, k.tenant_id, k.role, 'croft_' || p_surface,
        croft_seconds_until(k.expires_at);
END
$$;

-- The tenant a session acts for: the one that was named, which may lie below one of its own, else the only one.
CREATE OR REPLACE FUNCTION croft_session_tenant(p_user uuid, p_tenant uuid, OUT tenant_id uuid, OUT role text, OUT state text, OUT home uuid)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count int;
BEGIN
    SELECT count(*) OVER (), x.tenant_id, x.role, n.effective_state INTO v_count, tenant_id, role, state
    FROM memberships x JOIN tenants n ON n.id = x.tenant_id AND n.state <> 'closed'
    WHERE x.user_id = p_user AND (p_tenant IS NULL OR x.tenant_id = p_tenant)
    LIMIT 1;
    IF v_count > 1 THEN
        PERFORM croft_raise(400, 'malformed_request', 'You belong to several tenants: name one in the Croft-Tenant header.');
    ELSIF tenant_id IS NULL THEN
        SELECT c.tenant_id, 'admin', c.state, x.tenant_id INTO tenant_id, role, state, home
        FROM memberships x, croft_child(x.tenant_id, x.role, p_tenant) c
        WHERE x.user_id = p_user AND c.tenant_id IS NOT NULL;
    END IF;
    IF tenant_id IS NULL THEN
        PERFORM croft_raise(403, 'forbidden', 'You are not a member of that tenant.');
    END IF;
END
$$;

-- p_user: whose session the access token says it is.
CREATE OR REPLACE FUNCTION croft_auth_session(p_session uuid, p_surface text, p_tenant uuid, p_scope text, p_peer text,
    p_request text, p_traceparent text, p_roles text[], p_user uuid DEFAULT NULL)
RETURNS TABLE (token_id uuid, session_id uuid, user_id uuid, tenant_id uuid, role text, db_role text, valid_s int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    k record;
    m record;
BEGIN
    -- Staff who act as somebody do it in one tenant, on no other surface, and as long as they are staff.
    SELECT s.id, s.user_id, s.expires_at, s.impersonator_id, coalesce(p_tenant, s.tenant_id) AS tenant_id,
        CASE WHEN s.impersonator_id IS NULL THEN u.platform_role END AS platform_role INTO k
    FROM sessions s JOIN users u ON u.id = s.user_id AND u.state = 'active'
    WHERE s.id = p_session AND s.user_id = coalesce(p_user, s.user_id) AND s.revoked_at IS NULL AND s.expires_at > now()
        AND (s.impersonator_id IS NULL OR coalesce(p_tenant, s.tenant_id) = s.tenant_id AND EXISTS
            (SELECT FROM users i WHERE i.id = s.impersonator_id AND i.state = 'active' AND i.platform_role = 'operator'));
    IF NOT FOUND THEN
        PERFORM croft_raise(401, 'unauthenticated', 'The session has ended: sign in again.');
    END IF;
    IF p_surface = 'tenant' AND k.tenant_id IS NULL AND p_scope ~ '^(any|profile):' AND (SELECT count(*) FROM memberships x
        JOIN tenants n ON n.id = x.tenant_id AND n.state <> 'closed' WHERE x.user_id = k.user_id) <> 1 THEN
        -- What is a person's own needs no tenant.
        PERFORM croft_enter(NULL, k.user_id, NULL, NULL, k.id, p_peer, p_request, p_traceparent);
        RETURN QUERY SELECT NULL::uuid, k.id, k.user_id, NULL::uuid, NULL::text, 'croft_tenant'::text,
            croft_seconds_until(k.expires_at);
    ELSIF p_surface = 'tenant' THEN
        IF k.impersonator_id IS NOT NULL AND NOT 'visitor' = ANY (p_roles) THEN
            PERFORM croft_raise(403, 'forbidden', 'Staff who act for a customer may not do this.');
        END IF;
        SELECT * INTO m FROM croft_session_tenant(k.user_id, k.tenant_id);
        PERFORM croft_check_access(p_surface, p_scope, p_roles, k.platform_role, m.role, m.state);
        PERFORM croft_enter(m.tenant_id, k.user_id, m.role, NULL, k.id, p_peer, p_request, p_traceparent),
            set_config('croft.actor_tenant', coalesce(m.home::text, ''), true),
            set_config('croft.impersonator', coalesce(k.impersonator_id::text, ''), true);
        RETURN QUERY SELECT NULL::uuid, k.id, k.user_id, m.tenant_id, m.role, 'croft_tenant'::text,
            croft_seconds_until(k.expires_at);
    ELSE
        PERFORM croft_check_access(p_surface, p_scope, p_roles, k.platform_role, NULL, NULL);
        PERFORM croft_enter(NULL, k.user_id, NULL, NULL, k.id, p_peer, p_request, p_traceparent);
        RETURN QUERY SELECT NULL::uuid, k.id, k.user_id, NULL::uuid, NULL::text, 'croft_operator'::text,
            croft_seconds_until(k.expires_at);
    END IF;
END
$$;
