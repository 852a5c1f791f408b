-- Tenants as a tree: an operator makes and limits any of them, a reseller those below it. Each function that ends in _any is an
-- operator's and a reseller's alike; who calls it has found the tenant with croft_tenant_lock() or croft_child_lock().

-- The tenant, locked, with those above it held as they are: who changes a state works out what it comes to from theirs.
CREATE OR REPLACE FUNCTION croft_tenant_lock(p_id uuid) RETURNS tenants LANGUAGE plpgsql AS $$
DECLARE
    v_path uuid[] := (SELECT path FROM tenants WHERE id = p_id);
    t tenants;
BEGIN
    PERFORM FROM tenants WHERE id = ANY (v_path[2:cardinality(v_path) - 1]) ORDER BY cardinality(path) FOR SHARE;
    SELECT * INTO t FROM tenants WHERE id = p_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    RETURN t;
END
$$;

-- A tenant right below the reseller that asks, locked; the reseller is active until this transaction ends.
CREATE OR REPLACE FUNCTION croft_child_lock(p_req jsonb) RETURNS tenants LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = v_id AND parent_id = croft_tenant_id() AND kind = 'tenant') THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    RETURN croft_tenant_lock(v_id);
END
$$;

CREATE OR REPLACE FUNCTION croft_tenant_answer(t tenants) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (200, croft_tenant_json(t)::text, croft_etag(t.version), NULL)::croft_answer
$$;

-- Limits as the log shows them.
CREATE OR REPLACE FUNCTION croft_quota_limits(p_tenant uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(q.resource, jsonb_strip_nulls(jsonb_build_object('limit', q.effective, 'override_reason', q.override_reason)))
    FROM quotas q WHERE q.tenant_id = p_tenant
$$;

-- Sets ceilings; a ceiling below what is used is refused, unless an operator's override holds instead of it.
CREATE OR REPLACE FUNCTION croft_quota_set(p_tenant uuid, p_limits jsonb, p_pointer text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT l.key, l.value, r.name FROM jsonb_each(p_limits) l LEFT JOIN resources r ON r.name = l.key ORDER BY l.key
    LOOP
        IF x.name IS NULL THEN
            PERFORM croft_raise(422, 'invalid_value', 'There is no such resource.', p_pointer || '/' || x.key);
        END IF;
        UPDATE quotas q SET ceiling = a.amount
        FROM (SELECT croft_amount(x.value, p_pointer || '/' || x.key) AS amount) a
        WHERE q.tenant_id = p_tenant AND q.resource = x.key AND (q.overridden OR a.amount IS NULL OR q.used <= a.amount);
        IF NOT FOUND THEN
            PERFORM croft_raise(409, 'conflict', format('More of %s is used than that: %s.', x.key,
                (SELECT used FROM quotas WHERE tenant_id = p_tenant AND resource = x.key)), p_pointer || '/' || x.key);
        END IF;
    END LOOP;
END
$$;

-- Whoever makes it again with the reference of one that is there learns which it is.
CREATE OR REPLACE FUNCTION croft_tenant_ref_refuse(p_parent uuid, p_ref text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_raise_existing('external_ref_exists', 'There is a tenant with this external_ref.', '/external_ref', 'tenant',
        (SELECT id FROM tenants WHERE reseller_id = croft_reseller_of(p_parent) AND external_ref = p_ref));
END
$$;

CREATE OR REPLACE FUNCTION croft_tenant_make(p_req jsonb, p_parent uuid, p_kind text, p_location text) RETURNS croft_answer
LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    t tenants;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(p_parent);
    INSERT INTO tenants (parent_id, kind, name, labels, external_ref)
        VALUES (p_parent, p_kind, b->>'name', coalesce(b->'labels', '{}'), b->>'external_ref')
        ON CONFLICT (external_ref, reseller_id) WHERE external_ref IS NOT NULL DO NOTHING RETURNING * INTO t;
    IF NOT FOUND THEN
        PERFORM croft_tenant_ref_refuse(p_parent, b->>'external_ref');
    END IF;
    IF jsonb_typeof(b->'quotas') = 'object' THEN
        PERFORM croft_quota_set(t.id, b->'quotas', '/quotas');
    END IF;
    PERFORM croft_changed('tenant.created', t.id, 'tenant', t.id, NULL,
        to_jsonb(croft_tenant_json(t)) || jsonb_build_object('quotas', croft_quota_limits(t.id)));
    a := (201, croft_tenant_json(t)::text, croft_etag(t.version), p_location || t.id);
    RETURN croft_idempotency_end(p_req, a);
END
$$;

-- A reseller, or a tenant of the operator's or of a reseller's.
CREATE OR REPLACE FUNCTION croft_admin_tenant_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_parent uuid := coalesce((p_req->'body'->>'parent_id')::uuid, croft_root());
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = v_parent AND kind IN ('operator', 'reseller')) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such reseller.', '/parent_id');
    END IF;
    RETURN croft_tenant_make(p_req, v_parent, coalesce(p_req->'body'->>'kind', 'tenant'), '/v1/admin/tenants/');
END
$$;

CREATE OR REPLACE FUNCTION croft_tenant_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_reseller_check();
    RETURN croft_tenant_make(p_req, croft_tenant_id(), 'tenant', '/v1/tenants/');
END
$$;

CREATE OR REPLACE FUNCTION croft_reseller_check() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = croft_tenant_id() AND kind = 'reseller') THEN
        PERFORM croft_raise(403, 'forbidden', 'Only a reseller may do this.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_tenant_update_any(t tenants, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    b jsonb := p_req->'body';
    v_before jsonb := to_jsonb(croft_tenant_json(t));
BEGIN
    PERFORM croft_check_match(p_req, t.version);
    BEGIN
        UPDATE tenants SET name = coalesce(b->>'name', name), labels = coalesce(b->'labels', labels),
            external_ref = CASE WHEN b ? 'external_ref' THEN b->>'external_ref' ELSE external_ref END
        WHERE id = t.id RETURNING * INTO t;
    EXCEPTION WHEN unique_violation THEN
        PERFORM croft_tenant_ref_refuse(t.parent_id, b->>'external_ref');
    END;
    PERFORM croft_changed('tenant.updated', t.id, 'tenant', t.id,
        v_before, to_jsonb(croft_tenant_json(t)));
    RETURN croft_tenant_answer(t);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_update(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_tenant_update_any(croft_tenant_lock((p_req->>'id')::uuid), p_req)
$$;

CREATE OR REPLACE FUNCTION croft_tenant_update(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_tenant_update_any(croft_child_lock(p_req), p_req)
$$;

-- The root uses everything there is and has no quotas.
CREATE OR REPLACE FUNCTION croft_quota_check(t tenants) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF t.kind = 'operator' THEN
        PERFORM croft_raise(409, 'conflict', 'The operator''s own tenant has no quotas: it may use everything there is.');
    END IF;
END
$$;

-- First what was set, then what is shown, which changes with every create.
CREATE OR REPLACE FUNCTION croft_quota_etag(p_tenant uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('"%s.%s"', left(md5(coalesce(string_agg(concat_ws(' ', q.resource, coalesce(q.ceiling::text, 'any'), q.overridden,
            coalesce(q.override::text, 'any'), q.override_reason), E'\n' ORDER BY q.resource), '')), 12),
        left(md5(croft_quotas_json(p_tenant)::text), 12))
    FROM quotas q WHERE q.tenant_id = p_tenant
$$;

CREATE OR REPLACE FUNCTION croft_quota_set_any(t tenants, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := croft_quota_limits(t.id);
BEGIN
    PERFORM croft_quota_check(t);
    PERFORM croft_check_match(p_req, croft_quota_etag(t.id));
    PERFORM croft_quota_set(t.id, p_req->'body', '');
    PERFORM croft_changed('quota.set', t.id, 'tenant', t.id,
        v_before, croft_quota_limits(t.id));
    RETURN (200, croft_quotas_json(t.id)::text, croft_quota_etag(t.id), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_quota_set(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_quota_set_any(croft_tenant_lock((p_req->>'id')::uuid), p_req)
$$;

-- What a reseller gives to all its tenants together may be more than it has: what they use counts against its own, too.
CREATE OR REPLACE FUNCTION croft_child_quota_set(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_quota_set_any(croft_child_lock(p_req), p_req)
$$;

-- One override: {limit, reason}, or null to take it back.
CREATE OR REPLACE FUNCTION croft_quota_override_set(p_tenant uuid, p_resource text, p_value jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(p_value) = 'object' THEN
        UPDATE quotas SET overridden = true, override = croft_amount(coalesce(p_value->'limit', 'null'), '/' || p_resource || '/limit'),
            override_reason = p_value->>'reason'
        WHERE tenant_id = p_tenant AND resource = p_resource;
    ELSE
        UPDATE quotas SET overridden = false, override = NULL, override_reason = NULL
        WHERE tenant_id = p_tenant AND resource = p_resource;
    END IF;
EXCEPTION WHEN check_violation THEN
    PERFORM croft_raise(409, 'conflict', format('More of %s is used than that: %s.', p_resource,
        (SELECT used FROM quotas WHERE tenant_id = p_tenant AND resource = p_resource)), '/' || p_resource);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_quota_override(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t tenants := croft_tenant_lock((p_req->>'id')::uuid);
    v_before jsonb := croft_quota_limits(t.id);
BEGIN
    PERFORM croft_quota_check(t);
    PERFORM croft_check_match(p_req, croft_quota_etag(t.id));
    PERFORM croft_quota_override_set(t.id, x.key, x.value) FROM jsonb_each(p_req->'body') x ORDER BY x.key;
    PERFORM croft_changed('quota.overridden', t.id, 'tenant', t.id,
        v_before, croft_quota_limits(t.id));
    RETURN (200, croft_quotas_json(t.id)::text, croft_quota_etag(t.id), NULL)::croft_answer;
END
$$;

-- ---- Usage of a tenant with everybody below it

-- Of what its reader may see: the caller has checked.
CREATE OR REPLACE FUNCTION croft_tenant_usage_of(p_tenant uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql STABLE AS $$
DECLARE
    r record;
    u json;
BEGIN
    SELECT * INTO r FROM croft_usage_range(p_req);
    SELECT json_build_object('tenant_id', p_tenant, 'from', r.from_ts, 'to', r.to_ts,
        'vps', count(DISTINCT h.vps_id), 'cpu_ns', coalesce(sum(h.cpu_ns), 0),
        'memory_byte_seconds', coalesce(trunc(sum(h.memory_byte_seconds)), 0),
        'disk_byte_seconds', coalesce(trunc(sum(h.disk_byte_seconds)), 0),
        'net_rx_bytes', coalesce(sum(h.net_rx_bytes), 0), 'net_tx_bytes', coalesce(sum(h.net_tx_bytes), 0),
        'net_rx_inside_bytes', coalesce(sum(h.net_rx_inside_bytes), 0),
        'net_tx_inside_bytes', coalesce(sum(h.net_tx_inside_bytes), 0),
        'net_rx_outside_bytes', coalesce(sum(h.net_rx_outside_bytes), 0),
        'net_tx_outside_bytes', coalesce(sum(h.net_tx_outside_bytes), 0),
        'io_read_bytes', coalesce(sum(h.io_read_bytes), 0), 'io_write_bytes', coalesce(sum(h.io_write_bytes), 0))
    INTO u
    FROM tenants t JOIN usage_hours h ON h.tenant_id = t.id AND h.hour >= r.from_ts AND h.hour < r.to_ts
    WHERE t.path @> ARRAY[p_tenant];
    RETURN (200, u::text, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_usage(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = (p_req->>'id')::uuid) THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    RETURN croft_tenant_usage_of((p_req->>'id')::uuid, p_req);
END
$$;

-- One's own, or one right below.
CREATE OR REPLACE FUNCTION croft_tenant_usage(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
BEGIN
    IF NOT EXISTS (SELECT FROM tenants WHERE id = v_id AND croft_tenant_id() IN (id, parent_id)) THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    RETURN croft_tenant_usage_of(v_id, p_req);
END
$$;
