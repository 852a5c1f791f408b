-- Orders of a vps that exists: each one function, one transaction, one task. The conflict matrix decides whether an order is
-- taken (migrations/0011-operations.sql).

-- The name under which an open task stands in the matrix.
CREATE OR REPLACE FUNCTION croft_open_as(v vps, t tasks) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN v.resize->>'task_id' = t.id::text THEN 'resize' ELSE t.kind END;

-- Takes the order or raises CR409; what it supersedes is cancelled: what has not begun, and a publish at any time, since it is in nobody's
-- way and its node can stop it. The vps is locked.
CREATE OR REPLACE FUNCTION croft_order_check(v vps, p_ordered text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
    v_verdict text;
    v_superseded uuid[] := '{}';
BEGIN
    IF v.lost_at IS NOT NULL AND p_ordered <> 'delete' THEN
        PERFORM croft_raise(409, 'vps_lost', 'This vps was lost with its node: it can only be deleted.');
    END IF;
    IF p_ordered IN ('delete', 'reinstall', 'restore') THEN
        PERFORM croft_vps_unprotected(v);
    END IF;
    IF v.delete_after IS NOT NULL AND p_ordered <> 'delete' THEN
        PERFORM croft_raise(409, 'conflict', format('The vps is deleted and kept until %s: undelete it first.', v.delete_after));
    END IF;
    FOR t IN SELECT k.* FROM tasks k WHERE k.vps_id = v.id AND k.ended_at IS NULL ORDER BY k.seq FOR NO KEY UPDATE LOOP
        SELECT m.verdict INTO v_verdict FROM order_matrix m WHERE m.open = croft_open_as(v, t) AND m.ordered = p_ordered;
        IF v_verdict IS NULL OR v_verdict = 'conflict' THEN
            PERFORM croft_raise(409, 'conflict', format('A %s cannot be ordered while %s is under way.', p_ordered,
                CASE WHEN t.kind = 'vps_delete' THEN 'the delete' ELSE 'task ' || t.id || ' (' || croft_open_as(v, t) || ')' END));
        ELSIF v_verdict = 'supersede' AND (t.status = 'queued' OR t.kind = 'vps_publish') THEN
            v_superseded := v_superseded || t.id;
        END IF;
    END LOOP;
    IF p_ordered = 'delete' AND v_superseded <> '{}' THEN
        -- What their ends give back and what the order moves, in one order.
        PERFORM croft_quota_lock_all(ARRAY[v.tenant_id], '{image_bytes,running_vps,snapshots}');
    END IF;
    PERFORM croft_task_cancel(x, 'A later order took its place.') FROM unnest(v_superseded) x;
END
$$;

-- Ends a task that has not begun, or a publish; its node is told until it has answered.
CREATE OR REPLACE FUNCTION croft_task_cancel(p_task uuid, p_why text) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    t := croft_task_end(p_task, 'cancelled', jsonb_build_object('code', 'cancelled', 'detail', p_why));
    UPDATE tasks SET cancel_sent = false WHERE id = p_task RETURNING * INTO t;
    PERFORM pg_notify('croft_task', t.node_id::text);
    RETURN t;
END
$$;

-- What an order may change of a vps, as a cancel puts it back.
CREATE OR REPLACE FUNCTION croft_vps_before(v vps) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('desired', v.desired, 'frozen', v.frozen, 'hostname', v.hostname, 'ssh_keys', v.ssh_keys,
        'rescue_image_id', v.rescue_image_id);

-- A guest that its owner switched off from inside stays off while something else of it is changed: when it had reached all that was
-- ordered, or what was ordered since keeps it off, too.
CREATE OR REPLACE FUNCTION croft_keeps_power(v vps) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT v.desired = 'running' AND v.observed = 'stopped' AND (v.observed_generation = v.generation AND v.task_id IS NULL
        OR coalesce((SELECT t.kind = 'vps_update' AND t.generation = v.generation AND coalesce((t.args->>'keep_power')::boolean, false)
            FROM tasks t WHERE t.vps_id = v.id AND t.kind NOT IN ('vps_snapshot', 'vps_snapshot_delete', 'vps_publish', 'vps_password')
            ORDER BY t.seq DESC LIMIT 1), false))
$$;

-- What a vps_update says of that.
CREATE OR REPLACE FUNCTION croft_power_args(v vps) RETURNS jsonb LANGUAGE sql STABLE
    RETURN CASE WHEN croft_keeps_power(v) THEN '{"keep_power":true}'::jsonb END;

-- Writes an order that was taken: p_old as it was locked, v as it is to be. p_before null: it cannot be cancelled.
CREATE OR REPLACE FUNCTION croft_order(p_old vps, v vps, p_kind text, p_action text, p_args jsonb, p_before jsonb)
RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    v.generation := p_old.generation + 1;
    IF p_kind = 'vps_update' AND v.desired = 'running' AND croft_keeps_power(p_old) THEN
        p_args := coalesce(p_args, '{}') || croft_power_args(p_old);
    END IF;
    PERFORM croft_running_move(p_old, v.desired);
    t := croft_task_add(v, p_kind, p_args, p_before);
    UPDATE vps SET desired = v.desired, frozen = v.frozen, hostname = v.hostname, ssh_keys = v.ssh_keys, addresses = v.addresses,
        rescue_image_id = v.rescue_image_id,
        delete_after = v.delete_after, held_desired = v.held_desired, generation = v.generation, task_id = t.id, error = NULL,
        attempts = 0, retry_at = NULL
    WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_event(p_action, v.tenant_id, 'vps', v.id, jsonb_build_object('task_id', t.id, 'generation', v.generation,
        'before', croft_vps_before(p_old), 'after', croft_vps_before(v)));
    RETURN croft_accepted(t, v);
END
$$;

-- The vps of an order, locked, with its tenant and the order checked.
CREATE OR REPLACE FUNCTION croft_order_begin(p_req jsonb, p_ordered text) RETURNS vps LANGUAGE plpgsql AS $$
DECLARE
    v vps;
BEGIN
    PERFORM croft_tenant_hold(croft_tenant_id());
    v := croft_vps_hold(p_req);
    IF v.desired = 'deleted' THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is being deleted.');
    END IF;
    PERFORM croft_order_check(v, p_ordered);
    RETURN v;
END
$$;

-- ---- Power

CREATE OR REPLACE FUNCTION croft_vps_power(p_req jsonb, p_ordered text, p_desired text, p_kind text, p_action text)
RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, p_ordered);
    v := v_old;
    v.desired := p_desired;
    v.frozen := false;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, p_kind, p_action,
        jsonb_strip_nulls(coalesce(p_req->'body', '{}')), croft_vps_before(v_old)));
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_start(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_power(p_req, 'start', 'running', 'vps_start', 'vps.started')
$$;

CREATE OR REPLACE FUNCTION croft_vps_stop(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_power(p_req, 'stop', 'stopped', 'vps_stop', 'vps.stopped')
$$;

CREATE OR REPLACE FUNCTION croft_vps_reboot(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_power(p_req, 'reboot', 'running', 'vps_reboot', 'vps.rebooted')
$$;

-- ---- What changes a vps without its power

-- Orders p_new, which differs from the locked p_old in columns of croft_vps_before().
CREATE OR REPLACE FUNCTION croft_vps_change(p_req jsonb, p_old vps, p_new vps, p_action text) RETURNS croft_answer
LANGUAGE plpgsql AS $$
BEGIN
    RETURN croft_idempotency_end(p_req, croft_order(p_old, p_new, 'vps_update', p_action, NULL, croft_vps_before(p_old)));
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_stand(p_req jsonb, p_frozen boolean) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, CASE WHEN p_frozen THEN 'freeze' ELSE 'thaw' END);
    v := v_old;
    IF v.desired <> 'running' THEN
        PERFORM croft_raise(409, 'conflict', 'The vps does not run.');
    END IF;
    v.frozen := p_frozen;
    RETURN croft_vps_change(p_req, v_old, v, CASE WHEN p_frozen THEN 'vps.frozen' ELSE 'vps.thawed' END);
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_freeze(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_stand(p_req, true)
$$;

CREATE OR REPLACE FUNCTION croft_vps_thaw(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_vps_stand(p_req, false)
$$;

CREATE OR REPLACE FUNCTION croft_vps_hostname(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, 'update');
    v := v_old;
    v.hostname := p_req->'body'->>'hostname';
    RETURN croft_vps_change(p_req, v_old, v, 'vps.hostname_set');
END
$$;

-- Takes keys away, then adds: order is kept, none is there twice.
CREATE OR REPLACE FUNCTION croft_keys(p_old jsonb, p_add jsonb, p_remove jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(k.key ORDER BY k.n), '[]') FROM (
        SELECT x.key, min(x.n) AS n
        FROM jsonb_array_elements_text(p_old || coalesce(p_add, '[]')) WITH ORDINALITY x (key, n)
        WHERE NOT coalesce(p_remove, '[]') ? x.key OR coalesce(p_add, '[]') ? x.key
        GROUP BY x.key) k
$$;

CREATE OR REPLACE FUNCTION croft_vps_ssh_keys(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    b jsonb := jsonb_strip_nulls(p_req->'body');
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, 'update');
    v := v_old;
    v.ssh_keys := croft_keys(v.ssh_keys, b->'add', b->'remove');
    IF jsonb_array_length(v.ssh_keys) > 32 THEN
        PERFORM croft_raise(422, 'invalid_value', 'A vps has at most 32 keys.', '/add');
    END IF;
    RETURN croft_vps_change(p_req, v_old, v, 'vps.ssh_keys_set');
END
$$;

-- The hash goes with the task and nowhere else; croft_task_end() forgets it there. The generation stays: a password is no state
-- that could be reached again.
CREATE OR REPLACE FUNCTION croft_vps_password(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v vps;
    t tasks;
    v_body json;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v := croft_order_begin(p_req, 'password');
    t := croft_task_add(v, 'vps_password', jsonb_build_object('password_hash', p_req->'body'->>'password_hash'), '{}');
    UPDATE vps SET task_id = t.id WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_changed('vps.password_set', v.tenant_id, 'vps', v.id, NULL, '{"password":"[redacted]"}', jsonb_build_object('task_id', t.id));
    v_body := json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v), 'password', NULL);
    a := (202, json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v), 'password', p_req->'body'->>'shown')::text,
        croft_etag(v.version), '/v1/vps/' || v.id)::croft_answer;
    RETURN croft_idempotency_end(p_req, a, v_body::text);
END
$$;

-- ---- Delete and undelete

-- Seconds that this vps is kept: what the request says, else its plan.
CREATE OR REPLACE FUNCTION croft_hold_seconds(v vps, p_req jsonb) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT coalesce((p_req->'query'->>'hold')::int, (SELECT p.delete_hold_s FROM plan_versions p
            WHERE p.plan_id = v.plan_id AND p.number = v.plan_version))
$$;

-- Keeps it, switched off, until its time is over; all that it holds stays taken.
CREATE OR REPLACE FUNCTION croft_vps_keep(p_old vps, p_hold_s int) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v vps := p_old;
BEGIN
    v.held_desired := v.desired;
    v.desired := 'stopped';
    v.frozen := false;
    v.delete_after := now() + make_interval(secs => p_hold_s);
    RETURN croft_order(p_old, v, 'vps_stop', 'vps.held', NULL, NULL);
END
$$;

-- Deleting again while the first order is under way answers with that one's task; deleting what is kept ends its time.
CREATE OR REPLACE FUNCTION croft_vps_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps := croft_vps_hold(p_req);
    t tasks;
    v_hold_s int := croft_hold_seconds(v, p_req);
BEGIN
    IF v.desired = 'deleted' THEN
        SELECT * INTO t FROM tasks WHERE id = v.task_id AND ended_at IS NULL;
        IF FOUND THEN
            RETURN croft_accepted(t, v);
        END IF;
    END IF;
    PERFORM croft_order_check(v, 'delete');
    IF v_hold_s > 0 AND v.lost_at IS NULL AND v.delete_after IS NULL AND v.desired <> 'deleted' THEN
        RETURN croft_vps_keep(v, v_hold_s);
    END IF;
    RETURN croft_vps_remove(v);
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_remove(p_old vps) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v vps := p_old;
BEGIN
    IF v.lost_at IS NOT NULL THEN
        RETURN croft_lost_remove(v);
    END IF;
    v.desired := 'deleted';
    v.delete_after := NULL;
    v.held_desired := NULL;
    RETURN croft_order(p_old, v, 'vps_delete', 'vps.delete_ordered', NULL, NULL);
END
$$;

CREATE OR REPLACE FUNCTION croft_vps_undelete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_old vps;
    v vps;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    v_old := croft_vps_hold(p_req);
    IF v_old.delete_after IS NULL THEN
        PERFORM croft_raise(409, 'conflict', CASE v_old.desired WHEN 'deleted' THEN 'The vps is being deleted.'
            ELSE 'The vps is not deleted.' END);
    END IF;
    PERFORM croft_prepaid_check(v_old.tenant_id); -- what is kept costs less, or nothing
    v := v_old;
    v.desired := v.held_desired;
    v.held_desired := NULL;
    v.delete_after := NULL;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, 'vps_update', 'vps.undeleted', NULL, NULL));
END
$$;

-- What was kept long enough, a hundred at once (housekeeping).
CREATE OR REPLACE FUNCTION croft_delete_due() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    v_due vps[];
BEGIN
    v_due := ARRAY(SELECT k FROM vps k WHERE k.delete_after <= now() AND NOT k.protection ORDER BY k.id LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM croft_quota_lock_all(ARRAY(SELECT (d).tenant_id FROM unnest(v_due) d), '{image_bytes,running_vps,snapshots}');
    PERFORM croft_nodes_lock(ARRAY(SELECT (d).id FROM unnest(v_due) d));
    FOREACH v IN ARRAY v_due LOOP
        BEGIN
            PERFORM croft_order_check(v, 'delete');
            PERFORM croft_vps_remove(v);
        EXCEPTION WHEN SQLSTATE 'CR409' THEN
            NULL; -- the next time
        END;
    END LOOP;
    RETURN cardinality(v_due);
END
$$;

-- ---- Cancel

-- Takes back the newest order of a vps that its node has not begun: what it changed is as before, and the node is brought there,
-- since it may just have begun. A publish changes nothing: it is cancelled at any time. Who may is the caller's to know.
CREATE OR REPLACE FUNCTION croft_task_take_back(p_task uuid, p_why text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    t tasks;
BEGIN
    SELECT x.* INTO v FROM vps x JOIN tasks k ON k.vps_id = x.id
        WHERE k.id = p_task FOR NO KEY UPDATE OF x;
    SELECT * INTO t FROM tasks WHERE id = p_task FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('task');
    ELSIF t.ended_at IS NOT NULL THEN
        PERFORM croft_raise(409, 'conflict', format('The task is %s.', t.status));
    ELSIF t.kind = 'vps_publish' THEN
        t := croft_task_cancel(t.id, p_why);
        RETURN (200, croft_task_json(t)::text, croft_etag(t.version), NULL)::croft_answer;
    ELSIF t.before IS NULL THEN
        PERFORM croft_raise(409, 'conflict', format('A %s cannot be cancelled.', t.kind));
    ELSIF t.status <> 'queued' THEN
        PERFORM croft_raise(409, 'conflict', 'The task runs already.');
    ELSIF v.task_id <> t.id THEN
        PERFORM croft_raise(409, 'conflict', 'A later order stands behind this task.');
    END IF;
    t := croft_task_cancel(t.id, p_why);
    PERFORM croft_cancelled(v, t);
    RETURN (200, croft_task_json(t)::text, croft_etag(t.version), NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_task_cancel_order(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM tasks WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id();
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('task');
    END IF;
    RETURN croft_task_take_back((p_req->>'id')::uuid, 'Its owner cancelled it.');
END
$$;

CREATE OR REPLACE FUNCTION croft_cancelled(v vps, t tasks) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF v.resize->>'task_id' = t.id::text THEN
        PERFORM croft_resize_revert(v, t.error);
        RETURN;
    ELSIF t.kind = 'vps_password' THEN
        UPDATE vps SET task_id = croft_open_task(v.id) WHERE id = v.id;
        RETURN;
    END IF;
    PERFORM croft_running_move(v, t.before->>'desired');
    UPDATE vps SET desired = t.before->>'desired', frozen = (t.before->>'frozen')::boolean, hostname = t.before->>'hostname',
        ssh_keys = t.before->'ssh_keys', rescue_image_id = (t.before->>'rescue_image_id')::uuid, generation = generation + 1, attempts = 0, retry_at = NULL
    WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_converge(v, 'cancelled');
END
$$;

-- What a vps waits for. A publish is none of it: what is ordered, tried again or observed goes on beside it.
CREATE OR REPLACE FUNCTION croft_open_task(p_vps uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT id FROM tasks WHERE vps_id = p_vps AND ended_at IS NULL AND kind <> 'vps_publish' ORDER BY seq DESC LIMIT 1
$$;
