-- Quotas, at every level of the tree below its root: taken and given back under row locks, topmost first, then by resource. The root
-- may use everything there is and has no rows, or all creates would wait for each other there.

CREATE OR REPLACE FUNCTION croft_quota_lock(p_path uuid[], p_resources text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quotas q
    WHERE q.tenant_id = ANY (p_path) AND q.resource = ANY (p_resources)
    ORDER BY array_position(p_path, q.tenant_id), q.resource
    FOR NO KEY UPDATE;
END
$$;

-- Of several tenants at once, with those above them, in the same order: for who settles more than one vps in a transaction.
CREATE OR REPLACE FUNCTION croft_quota_lock_all(p_tenants uuid[], p_resources text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM quotas q JOIN tenants t ON t.id = q.tenant_id
    WHERE q.resource = ANY (p_resources)
        AND t.id IN (SELECT unnest(x.path[2:]) FROM tenants x WHERE x.id = ANY (p_tenants))
    ORDER BY cardinality(t.path), t.id, q.resource
    FOR NO KEY UPDATE OF q;
END
$$;

-- The nodes of several vps, whose rows and quotas are locked, in their own order: for who orders something of more than one.
CREATE OR REPLACE FUNCTION croft_nodes_lock(p_vps uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM nodes n WHERE n.id IN (SELECT v.node_id FROM vps v WHERE v.id = ANY (p_vps)) ORDER BY n.id FOR NO KEY UPDATE;
END
$$;

-- The first quota that would be exceeded, as an error. Numbers of tenants above one's own are not told.
CREATE OR REPLACE FUNCTION croft_quota_refuse(p_path uuid[], p_resources text[], p_amounts bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    x record;
BEGIN
    SELECT t.tenant_id, t.depth, a.amount, r.title, q.effective, q.used, q.tenant_id IS NULL AS missing INTO x
    FROM unnest(p_path) WITH ORDINALITY t (tenant_id, depth)
    CROSS JOIN unnest(p_resources, p_amounts) a (resource, amount)
    JOIN resources r ON r.name = a.resource
    LEFT JOIN quotas q ON q.tenant_id = t.tenant_id AND q.resource = a.resource
    WHERE q.tenant_id IS NULL OR q.used + a.amount > q.effective
    ORDER BY t.depth DESC, a.resource
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    ELSIF x.depth < cardinality(p_path) THEN
        PERFORM croft_raise(409, 'quota_exceeded', format('The reseller above this tenant has no more %s to give.', x.title));
    ELSIF x.missing THEN
        PERFORM croft_raise(409, 'quota_exceeded', format('This tenant has no quota of %s; %s asked.', x.title, x.amount));
    ELSE
        PERFORM croft_raise(409, 'quota_exceeded',
            format('The quota of %s would be exceeded: limit %s, used %s, asked %s.', x.title, x.effective, x.used, x.amount));
    END IF;
END
$$;

-- p_sign +1 takes, -1 gives back.
CREATE OR REPLACE FUNCTION croft_quota_move(p_tenant uuid, p_resources text[], p_amounts bigint[], p_sign int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_path uuid[] := (SELECT path[2:] FROM tenants WHERE id = p_tenant);
BEGIN
    PERFORM croft_quota_lock(v_path, p_resources);
    IF p_sign > 0 THEN
        PERFORM croft_quota_refuse(v_path, p_resources, p_amounts);
    END IF;
    UPDATE quotas q SET used = q.used + p_sign * a.amount
    FROM unnest(p_resources, p_amounts) a (resource, amount)
    WHERE q.tenant_id = ANY (v_path) AND q.resource = a.resource;
END
$$;

-- Another desired state takes or gives back what only a running one holds. The vps is locked, its node not yet.
CREATE OR REPLACE FUNCTION croft_running_move(v vps, p_desired text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (v.desired = 'running') <> (p_desired = 'running') THEN
        PERFORM croft_quota_move(v.tenant_id, '{running_vps}', '{1}', CASE p_desired WHEN 'running' THEN 1 ELSE -1 END);
    END IF;
END
$$;

-- The tenant must be active, with everybody above it, and stay so until this transaction ends: a change above reaches its row, too.
-- The root always is.
CREATE OR REPLACE FUNCTION croft_tenant_hold(p_tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
BEGIN
    SELECT effective_state INTO v_state FROM tenants WHERE id = p_tenant AND parent_id IS NOT NULL FOR SHARE;
    IF v_state <> 'active' THEN
        PERFORM croft_raise(403, 'forbidden', format('The tenant is %s.', v_state));
    END IF;
END
$$;
