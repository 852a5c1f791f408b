-- Instructions to agents, and what their ends do to the vps. Everywhere the vps row is locked before its tasks.

-- The whole desired state of a vps (docs/agent-protocol.md, Tasks).
CREATE OR REPLACE FUNCTION croft_task_spec(v vps) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('hostname', v.hostname, 'desired', v.desired, 'id_base', v.id_base, 'slot', v.slot,
        'limits', jsonb_build_object('vcpus', v.vcpus, 'memory_bytes', v.memory_bytes, 'swap_bytes', v.swap_bytes,
            'disk_bytes', v.disk_bytes, 'pids', v.pids),
        'rates', jsonb_strip_nulls(jsonb_build_object('net_bps', least(v.net_rate_bps, v.traffic_rate_bps), 'io_bps', v.io_bps, 'iops', v.iops)),
        'features', jsonb_build_object('tun', v.tun, 'fuse', v.fuse, 'nesting', v.nesting), 'frozen', v.frozen,
        'addresses', croft_addresses_spec(v), 'forwards', croft_forwards_spec(v), 'firewall', croft_firewall_spec(v.id),
        'ssh_keys', v.ssh_keys, 'suspended', v.suspended,
        -- An orphan that is deleted has none: a spec always does.
        'image', coalesce((SELECT jsonb_build_object('sha256', i.sha256, 'size', i.size, 'signature', i.signature, 'name', i.name)
            FROM images i WHERE i.id = v.image_id),
            jsonb_build_object('sha256', repeat('0', 64), 'size', 1, 'signature', repeat('0', 128), 'name', 'none')),
        'rescue', (SELECT jsonb_build_object('sha256', i.sha256, 'size', i.size, 'signature', i.signature, 'name', i.name)
            FROM images i WHERE i.id = v.rescue_image_id));
END
$$;

-- Adds a task for the vps as it now is. The caller has locked or is about to write the vps and sets its task_id.
-- Counting seq in the node's row makes its order that of the commits.
CREATE OR REPLACE FUNCTION croft_task_add(v vps, p_kind text, p_args jsonb DEFAULT NULL, p_before jsonb DEFAULT NULL) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint;
    t tasks;
BEGIN
    UPDATE nodes SET task_seq = task_seq + 1 WHERE id = v.node_id RETURNING task_seq INTO v_seq;
    INSERT INTO tasks (node_id, seq, tenant_id, vps_id, kind, generation, spec, args, before, deadline_s, request_id, traceparent)
    VALUES (v.node_id, v_seq, v.tenant_id, v.id, p_kind, v.generation, croft_task_spec(v), p_args, p_before,
        CASE p_kind WHEN 'vps_publish' THEN 3600 ELSE 300 END + coalesce((p_args->>'timeout_s')::int, 0), croft_setting('request_id'), croft_setting('traceparent'))
    RETURNING * INTO t;
    PERFORM pg_notify('croft_task', v.node_id::text);
    RETURN t;
END
$$;

-- What is desired as far as its tenant's state lets it be.
CREATE OR REPLACE FUNCTION croft_wanted(v vps) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN v.suspended = 'stop' AND v.desired = 'running' THEN 'stopped' ELSE v.desired END;

-- The kind of task that brings a vps from anything to what is desired.
CREATE OR REPLACE FUNCTION croft_task_kind(p_desired text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE p_desired WHEN 'deleted' THEN 'vps_delete' ELSE 'vps_update' END;

-- Adds the task that converges a vps whose row is locked and which has none open.
CREATE OR REPLACE FUNCTION croft_converge(v vps, p_why text, p_args jsonb DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    t := croft_task_add(v, croft_task_kind(croft_wanted(v)), p_args);
    UPDATE vps SET task_id = t.id, retry_at = NULL WHERE id = v.id;
    PERFORM croft_event('task.created', v.tenant_id, 'vps', v.id,
        jsonb_build_object('task_id', t.id, 'kind', t.kind, 'why', p_why));
END
$$;

-- Writes the end of a task. Null: it had ended before.
CREATE OR REPLACE FUNCTION croft_task_end(p_task uuid, p_status text, p_error jsonb) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    UPDATE tasks SET status = p_status, error = p_error, ended_at = now(), started_at = coalesce(started_at, now()),
        args = args - 'password_hash' - 'user_data',
        progress = CASE p_status WHEN 'done' THEN 100 ELSE progress END
    WHERE id = p_task AND ended_at IS NULL
    RETURNING * INTO t;
    IF FOUND THEN
        PERFORM pg_notify('croft_task_end', t.id::text);
        PERFORM croft_event('task.' || p_status, t.tenant_id, 'vps', t.vps_id,
            jsonb_strip_nulls(jsonb_build_object('task_id', t.id, 'kind', t.kind, 'error', p_error)));
        IF t.kind IN ('vps_snapshot', 'vps_snapshot_delete') THEN
            PERFORM croft_snapshot_ended(t);
        ELSIF t.kind = 'vps_publish' THEN
            PERFORM croft_image_ended(t);
        END IF;
    END IF;
    RETURN t;
END
$$;

-- Settles a task: done or failed, with what the node then observed (null: it did not say).
CREATE OR REPLACE FUNCTION croft_settle(p_task uuid, p_status text, p_error jsonb, p_observed text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    t tasks;
    v_open uuid;
BEGIN
    SELECT x.* INTO v FROM vps x JOIN tasks k ON k.vps_id = x.id WHERE k.id = p_task FOR NO KEY UPDATE OF x;
    t := croft_task_end(p_task, p_status, p_error);
    IF t.id IS NULL THEN
        RETURN;
    END IF;
    v_open := croft_open_task(v.id);
    IF t.generation < v.observed_generation THEN
        p_observed := NULL; -- late: a later task has ended already, and what its node saw then is newer
    END IF;
    IF v.lost_at IS NOT NULL AND v.desired <> 'deleted' THEN
        -- It was given up, and its node is back: brought to rest there, it still is lost.
        UPDATE vps SET task_id = v_open, attempts = CASE p_status WHEN 'done' THEN 0 ELSE attempts + 1 END WHERE id = v.id;
        RETURN;
    END IF;
    IF v.deleted_at IS NULL AND v.resize->>'task_id' = t.id::text THEN
        IF p_status = 'failed' THEN
            PERFORM croft_resize_revert(v, t.error);
            RETURN;
        END IF;
        v := croft_resize_done(v);
    END IF;
    IF t.kind IN ('vps_snapshot', 'vps_snapshot_delete', 'vps_publish', 'vps_password') THEN
        -- Not about what is desired: nothing is reached by it, nothing is given up, and nothing is tried again. Its task says how it went.
        UPDATE vps SET task_id = v_open, observed = CASE WHEN t.kind = 'vps_password' AND p_status = 'failed' THEN observed
            ELSE coalesce(p_observed, observed) END WHERE id = v.id;
    ELSIF p_status = 'failed' AND t.generation < v.observed_generation THEN
        UPDATE vps SET task_id = v_open WHERE id = v.id; -- late as well: there is nothing to try again
    ELSIF p_status = 'failed' THEN
        PERFORM croft_settle_failed(v, t, v_open, p_observed);
    ELSIF t.kind = 'vps_delete' AND v.desired = 'deleted' THEN
        PERFORM croft_settle_gone(v, v_open);
    ELSE
        IF t.kind = 'vps_reinstall' THEN
            PERFORM croft_rebuilt(t);
        END IF;
        PERFORM croft_addresses_release(v, t.generation);
        PERFORM croft_network_release(v, t.generation);
        UPDATE vps SET task_id = v_open, observed = coalesce(p_observed, observed), attempts = 0, retry_at = NULL,
            observed_generation = greatest(observed_generation, least(t.generation, generation)),
            error = CASE WHEN t.generation >= generation THEN NULL ELSE error END
        WHERE id = v.id;
    END IF;
END
$$;

-- The vps is gone from its node: all that it held is free. A tombstone was released before.
CREATE OR REPLACE FUNCTION croft_settle_gone(v vps, p_open uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF v.deleted_at IS NULL AND v.lost_at IS NULL THEN
        PERFORM croft_snapshots_gone(v);
        PERFORM croft_release(v);
    END IF;
    IF v.deleted_at IS NULL THEN
        PERFORM croft_changed('vps.deleted', v.tenant_id, 'vps', v.id, v.body::jsonb, NULL);
    END IF;
    PERFORM FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE;
    UPDATE id_ranges SET vps_id = NULL WHERE vps_id = v.id; -- that of one that was lost, or of an orphan, was kept until now
    PERFORM croft_network_release(v, NULL); -- and so were its ports
    UPDATE vps SET task_id = p_open, observed = 'absent', observed_generation = generation, error = NULL, attempts = 0,
        retry_at = NULL, addresses = '[]', resize = NULL, deleted_at = coalesce(deleted_at, now())
    WHERE id = v.id;
END
$$;

-- A create that failed was taken back by the agent, so far as it could: the vps becomes one to delete, which is a no-op on a
-- clean node and holds its quota until the node has said so. Everything else is tried again, five times in all, after pauses of 5,
-- 10, 20, 40 s; then it rests with its error until the owner orders something or the node comes back.
CREATE OR REPLACE FUNCTION croft_settle_failed(v vps, t tasks, p_open uuid, p_observed text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF t.kind IN ('vps_create', 'vps_clone') AND v.desired <> 'deleted' THEN
        PERFORM croft_running_move(v, 'deleted');
        UPDATE vps SET task_id = p_open, desired = 'deleted', generation = generation + 1, error = t.error, attempts = 0,
            retry_at = NULL, delete_after = NULL, held_desired = NULL, observed = coalesce(p_observed, observed) WHERE id = v.id RETURNING * INTO v;
        PERFORM croft_converge(v, 'create failed');
        RETURN;
    END IF;
    IF t.kind = 'vps_rescue' AND t.generation = v.generation THEN
        UPDATE vps SET rescue_image_id = NULL WHERE id = v.id; -- the agent has gone back to the vps's own disk
    END IF;
    UPDATE vps SET task_id = p_open, error = t.error, observed = coalesce(p_observed, observed), attempts = attempts + 1,
        retry_at = CASE WHEN p_open IS NULL AND attempts < 4 AND deleted_at IS NULL
            THEN now() + interval '5 seconds' * power(2, attempts) END
    WHERE id = v.id RETURNING * INTO v;
END
$$;
