-- Orders of a vps that exists: each one function, one transaction, one task. The conflict matrix decides whether an order is
-- taken (migrations/0011-operations.sql).

-- The name under which an open task stands in the matrix.
CREATE OR REPLACE FUNCTION croft_open_as(v vps, t tasks) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN v.resize->>'task_id' = t.id::text THEN 'resize' ELSE t.kind END;

-- Takes the order or raises CR409; what it supersedes is cancelled. The vps is locked.
CREATE OR REPLACE FUNCTION croft_order_check(v vps, p_ordered text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
    v_verdict text;
    v_superseded uuid[] := '{}';
BEGIN
    IF v.delete_after IS NOT NULL AND p_ordered <> 'delete' THEN
        PERFORM croft_raise(409, 'conflict', format('The vps is deleted and kept until %s: undelete it first.', v.delete_after));
    END IF;
    FOR t IN SELECT k.* FROM tasks k WHERE k.vps_id = v.id AND k.ended_at IS NULL ORDER BY k.seq FOR NO KEY UPDATE LOOP
        SELECT m.verdict INTO v_verdict FROM order_matrix m WHERE m.open = croft_open_as(v, t) AND m.ordered = p_ordered;
        IF v_verdict IS NULL OR v_verdict = 'conflict' THEN
            PERFORM croft_raise(409, 'conflict', format('A %s cannot be ordered while %s is under way.', p_ordered,
                CASE WHEN t.kind = 'vps_delete' THEN 'the delete' ELSE 'task ' || t.id || ' (' || croft_open_as(v, t) || ')' END));
        ELSIF v_verdict = 'supersede' AND t.status = 'queued' THEN
            v_superseded := v_superseded || t.id;
        END IF;
    END LOOP;
    PERFORM croft_task_cancel(x, 'A later order took its place.') FROM unnest(v_superseded) x;
END
$$;

-- Ends a task that has not begun; its node is told until it has answered.
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
    RETURN jsonb_build_object('desired', v.desired, 'frozen', v.frozen, 'hostname', v.hostname, 'ssh_keys', v.ssh_keys);

-- A guest that its owner switched off from inside stays off while something else of it is changed.
CREATE OR REPLACE FUNCTION croft_keeps_power(v vps) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN v.desired = 'running' AND v.observed = 'stopped' AND v.observed_generation = v.generation AND v.task_id IS NULL;

-- Writes an order that was taken: p_old as it was locked, v as it is to be. p_before null: it cannot be cancelled.
CREATE OR REPLACE FUNCTION croft_order(p_old vps, v vps, p_kind text, p_action text, p_args jsonb, p_before jsonb)
RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    v.generation := p_old.generation + 1;
    IF p_kind = 'vps_update' AND croft_keeps_power(p_old) AND v.desired = 'running' THEN
        p_args := coalesce(p_args, '{}') || '{"keep_power":true}';
    END IF;
    t := croft_task_add(v, p_kind, p_args, p_before);
    UPDATE vps SET desired = v.desired, frozen = v.frozen, hostname = v.hostname, ssh_keys = v.ssh_keys, addresses = v.addresses,
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

-- ---- Delete

-- Deleting again while the first order is under way answers with that one's task.
CREATE OR REPLACE FUNCTION croft_vps_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_old vps := croft_vps_hold(p_req);
    v vps := v_old;
    t tasks;
BEGIN
    IF v.desired = 'deleted' THEN
        SELECT * INTO t FROM tasks WHERE id = v.task_id AND ended_at IS NULL;
        IF FOUND THEN
            RETURN croft_accepted(t, v);
        END IF;
    END IF;
    PERFORM croft_order_check(v, 'delete');
    v.desired := 'deleted';
    RETURN croft_order(v_old, v, 'vps_delete', 'vps.delete_ordered', NULL, NULL);
END
$$;
