-- A tenant's life: active, suspended, closing, closed. A state reaches all below at once (the triggers of 11-triggers.sql); what it
-- does to their vps follows in bounded steps, here and by housekeeping, so that a reseller of any size is suspended in one short
-- transaction and a death between two steps is made good by the next one.

-- What holds of a vps: its tenant's state and the order for it alone, whichever is harder.
CREATE OR REPLACE FUNCTION croft_vps_policy(p_order text, p_tenant text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN p_order = 'stop' THEN p_order ELSE coalesce(p_tenant, p_order) END;

-- Writes into vps whose tenant's state says otherwise what it says, and orders it of their nodes. First every vps is locked, then every
-- node, each in its order.
CREATE OR REPLACE FUNCTION croft_suspend_apply(p_vps uuid[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    x record;
    v vps;
    v_count int := 0;
BEGIN
    PERFORM FROM vps WHERE id = ANY (p_vps) ORDER BY id FOR NO KEY UPDATE;
    PERFORM croft_nodes_lock(p_vps);
    FOR x IN SELECT k AS row, croft_vps_policy(k.suspend_order, t.effective_policy) AS policy FROM vps k JOIN tenants t ON t.id = k.tenant_id
        WHERE k.id = ANY (p_vps) AND k.deleted_at IS NULL AND k.lost_at IS NULL AND k.desired <> 'deleted'
            AND k.suspended IS DISTINCT FROM croft_vps_policy(k.suspend_order, t.effective_policy)
        ORDER BY k.id
    LOOP
        v := x.row;
        UPDATE vps SET suspended = x.policy, generation = generation + 1, error = NULL, attempts = 0, retry_at = NULL
            WHERE id = v.id RETURNING * INTO v;
        PERFORM croft_converge(v, CASE WHEN x.policy IS NULL THEN 'resumed' ELSE 'suspended' END);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- Those of one tenant and below.
CREATE OR REPLACE FUNCTION croft_suspend_apply_below(p_tenant uuid) RETURNS int LANGUAGE sql AS $$
    SELECT croft_suspend_apply(ARRAY(
        SELECT v.id FROM tenants t JOIN vps v ON v.tenant_id = t.id AND v.deleted_at IS NULL AND v.lost_at IS NULL
        WHERE t.path @> ARRAY[p_tenant] AND v.desired <> 'deleted'
            AND v.suspended IS DISTINCT FROM croft_vps_policy(v.suspend_order, t.effective_policy)
        ORDER BY v.id LIMIT 100))
$$;

-- Those of anybody; what is busy is left for the next time.
CREATE OR REPLACE FUNCTION croft_suspend_apply_all() RETURNS int LANGUAGE sql AS $$
    SELECT croft_suspend_apply(ARRAY(
        SELECT v.id FROM vps v WHERE v.id IN (
            SELECT k.id FROM tenants t JOIN vps k ON k.tenant_id = t.id AND k.deleted_at IS NULL AND k.lost_at IS NULL
            WHERE t.effective_policy IS NOT NULL AND k.desired <> 'deleted'
                AND k.suspended IS DISTINCT FROM croft_vps_policy(k.suspend_order, t.effective_policy)
            UNION ALL
            SELECT k.id FROM vps k JOIN tenants t ON t.id = k.tenant_id
            WHERE k.suspended IS NOT NULL AND t.effective_policy IS NULL AND k.suspended IS DISTINCT FROM k.suspend_order AND k.deleted_at IS NULL AND k.lost_at IS NULL AND k.desired <> 'deleted')
        ORDER BY v.id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED))
$$;

-- ---- One vps: what its seller's billing system orders while a bill is open

-- An order of the tenant above is not taken back by the tenant itself.
CREATE OR REPLACE FUNCTION croft_vps_suspend_any(p_req jsonb, p_order text, p_action text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v vps;
    v_before jsonb;
    v_who uuid := coalesce(croft_setting('actor_tenant')::uuid, croft_tenant_id());
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    v := croft_vps_hold(p_req);
    v_before := v.body;
    IF v.desired = 'deleted' OR v.lost_at IS NOT NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is being deleted, or is lost.');
    ELSIF v.suspend_tenant <> v_who AND v_who = v.tenant_id THEN
        PERFORM croft_raise(403, 'forbidden', 'Who sells this vps has suspended it: only they resume it.');
    END IF;
    UPDATE vps SET suspend_order = p_order, suspend_reason = CASE WHEN p_order IS NOT NULL THEN p_req->'body'->>'reason' END,
        suspend_tenant = CASE WHEN p_order IS NOT NULL THEN v_who END
    WHERE id = v.id AND (suspend_order, suspend_reason) IS DISTINCT FROM (p_order, CASE WHEN p_order IS NOT NULL THEN p_req->'body'->>'reason' END);
    PERFORM croft_suspend_apply(ARRAY[v.id]);
    SELECT * INTO v FROM vps WHERE id = v.id;
    IF v_before IS DISTINCT FROM v.body::jsonb THEN
        PERFORM croft_changed(p_action, v.tenant_id, 'vps', v.id, v_before, v.body::jsonb);
    END IF;
    RETURN croft_idempotency_end(p_req, (200, croft_vps_json(v)::text, croft_etag(v.version), NULL)::croft_answer);
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_suspend(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_suspend_any(p_req, coalesce(p_req->'body'->>'policy', 'stop'), 'vps.suspended')
$$;

CREATE OR REPLACE FUNCTION croft_vps_resume(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_suspend_any(p_req, NULL, 'vps.resumed')
$$;

-- What an operator ordered, a reseller does not take back; the root and what is over change no more.
CREATE OR REPLACE FUNCTION croft_state_check(t tenants, p_by text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF t.kind = 'operator' THEN
        PERFORM croft_raise(409, 'conflict', 'The operator''s own tenant is always active.');
    ELSIF t.state = 'closed' THEN
        PERFORM croft_raise(409, 'conflict', 'The tenant is closed.');
    ELSIF p_by = 'reseller' AND t.suspended_by = 'operator' THEN
        PERFORM croft_raise(403, 'forbidden', 'An operator has ordered this: only an operator changes it.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION croft_state_changed(p_before jsonb, t tenants, p_action text) RETURNS croft_answer LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_changed(p_action, t.id, 'tenant', t.id, p_before, to_jsonb(croft_tenant_json(t)));
    PERFORM croft_suspend_apply_below(t.id);
    RETURN croft_tenant_answer(t);
END
$$;

CREATE OR REPLACE FUNCTION croft_suspend_any(t tenants, p_req jsonb, p_by text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := to_jsonb(croft_tenant_json(t));
BEGIN
    PERFORM croft_state_check(t, p_by);
    IF t.state = 'closing' THEN
        PERFORM croft_raise(409, 'conflict', 'The tenant is closing.');
    END IF;
    UPDATE tenants SET state = 'suspended', suspended_reason = p_req->'body'->>'reason', suspended_by = p_by,
        suspended_actor = croft_actor(), suspend_policy = coalesce(p_req->'body'->>'policy', 'stop')
    WHERE id = t.id RETURNING * INTO t;
    RETURN croft_state_changed(v_before, t, 'tenant.suspended');
END
$$;

-- Ends a suspension, and a closing whose grace is not over.
CREATE OR REPLACE FUNCTION croft_resume_any(t tenants, p_req jsonb, p_by text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := to_jsonb(croft_tenant_json(t));
BEGIN
    PERFORM croft_state_check(t, p_by);
    IF t.state = 'active' THEN
        RETURN croft_tenant_answer(t);
    ELSIF t.state = 'closing' AND t.grace_until <= now() THEN
        PERFORM croft_raise(409, 'conflict', 'The grace period is over: what the tenant had is being deleted.');
    END IF;
    UPDATE tenants SET state = 'active' WHERE id = t.id RETURNING * INTO t;
    RETURN croft_state_changed(v_before, t, 'tenant.resumed');
END
$$;

-- Everything stops now and is deleted when the grace period is over (croft_tenant_chores). Whose order a suspension was, that of
-- what follows from it is; an operator's order is an operator's, whoever came before.
CREATE OR REPLACE FUNCTION croft_close_any(t tenants, p_req jsonb, p_by text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v_before jsonb := to_jsonb(croft_tenant_json(t));
BEGIN
    PERFORM croft_state_check(t, CASE t.state WHEN 'suspended' THEN 'operator' ELSE p_by END);
    UPDATE tenants SET state = 'closing', suspended_by = CASE p_by WHEN 'operator' THEN p_by ELSE coalesce(suspended_by, p_by) END,
        suspended_actor = croft_actor(),
        suspended_reason = coalesce(p_req->'body'->>'reason', suspended_reason), suspend_policy = 'stop',
        grace_until = now() + make_interval(secs => coalesce((p_req->'body'->>'grace_s')::int, 2592000))
    WHERE id = t.id RETURNING * INTO t;
    RETURN croft_state_changed(v_before, t, 'tenant.closing');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_suspend(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_suspend_any(croft_tenant_lock((p_req->>'id')::uuid), p_req, 'operator')
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_resume(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_resume_any(croft_tenant_lock((p_req->>'id')::uuid), p_req, 'operator')
$$;

CREATE OR REPLACE FUNCTION croft_admin_tenant_close(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_close_any(croft_tenant_lock((p_req->>'id')::uuid), p_req, 'operator')
$$;

CREATE OR REPLACE FUNCTION croft_tenant_suspend(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_suspend_any(croft_child_lock(p_req), p_req, 'reseller')
$$;

CREATE OR REPLACE FUNCTION croft_tenant_resume(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_resume_any(croft_child_lock(p_req), p_req, 'reseller')
$$;

CREATE OR REPLACE FUNCTION croft_tenant_close(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_close_any(croft_child_lock(p_req), p_req, 'reseller')
$$;

-- Orders the deletion of what a tenant whose grace is over still has, at most a hundred at once. First every vps is locked, then
-- every quota, then nodes.
CREATE OR REPLACE FUNCTION croft_close_step(t tenants) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    v_due vps[] := ARRAY(SELECT k FROM vps k JOIN tenants x ON x.id = k.tenant_id
        WHERE x.path @> ARRAY[t.id] AND k.deleted_at IS NULL AND k.desired <> 'deleted'
        ORDER BY k.id LIMIT 100 FOR NO KEY UPDATE OF k SKIP LOCKED);
BEGIN
    PERFORM croft_quota_lock_all(ARRAY(SELECT (d).tenant_id FROM unnest(v_due) d), '{running_vps}');
    PERFORM croft_nodes_lock(ARRAY(SELECT (d).id FROM unnest(v_due) d));
    FOREACH v IN ARRAY v_due LOOP
        PERFORM croft_vps_remove(v);
    END LOOP;
    RETURN cardinality(v_due);
END
$$;

-- Closes a tenant of which nothing is left, and first those below it. The rows and the log stay.
CREATE OR REPLACE FUNCTION croft_close_finish(p_tenant uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    t tenants;
    v_before jsonb;
BEGIN
    IF EXISTS (SELECT FROM vps v JOIN tenants x ON x.id = v.tenant_id WHERE x.path @> ARRAY[p_tenant] AND v.deleted_at IS NULL) THEN
        RETURN false;
    END IF;
    FOR t IN SELECT * FROM tenants WHERE path @> ARRAY[p_tenant] AND state <> 'closed' ORDER BY cardinality(path) DESC, id FOR NO KEY UPDATE
    LOOP
        UPDATE tokens SET revoked_at = now() WHERE tenant_id = t.id AND revoked_at IS NULL;
        PERFORM croft_images_gone(t.id);
        v_before := to_jsonb(croft_tenant_json(t));
        UPDATE tenants SET state = 'closed' WHERE id = t.id RETURNING * INTO t;
        PERFORM croft_changed('tenant.closed', t.id, 'tenant', t.id, v_before, to_jsonb(croft_tenant_json(t)));
    END LOOP;
    RETURN true;
END
$$;

-- A bounded step of what states have left to do, in a transaction of its own: it locks quotas, which whoever holds a node may not.
-- "more": come back at once.
CREATE OR REPLACE FUNCTION croft_tenant_chores(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t tenants;
    v_deleted int := 0;
    v_closed boolean := false;
    v_applied int := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('croft_tenant_chores')) THEN
        RETURN '{"busy":true}';
    END IF;
    -- One whose vps only wait for their node makes room for the next.
    SELECT x.* INTO t FROM tenants x WHERE x.state = 'closing' AND x.grace_until <= now()
            AND (NOT EXISTS (SELECT FROM vps v JOIN tenants b ON b.id = v.tenant_id
                    WHERE b.path @> ARRAY[x.id] AND v.deleted_at IS NULL)
                OR EXISTS (SELECT FROM vps v JOIN tenants b ON b.id = v.tenant_id
                    WHERE b.path @> ARRAY[x.id] AND v.deleted_at IS NULL AND v.desired <> 'deleted'))
        ORDER BY x.grace_until LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        v_deleted := croft_close_step(t);
        v_closed := v_deleted = 0 AND croft_close_finish(t.id);
    ELSE
        v_applied := croft_suspend_apply_all();
    END IF;
    RETURN jsonb_build_object('deleted', v_deleted, 'closed', v_closed, 'applied', v_applied,
        'more', v_deleted > 0 OR v_closed OR v_applied > 0);
END
$$;
