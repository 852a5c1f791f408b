-- Tasks on their way down, progress and results on their way up.

-- What the node is to hear: first of tasks that ended here before they began there, until it has answered each with a result, then
-- every open task after a seq. While the node is in maintenance they wait.
CREATE OR REPLACE FUNCTION croft_node_tasks(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN t.ended_at IS NOT NULL THEN jsonb_build_object('type', 'task_cancel', 'epoch', s.epoch, 'task', t.id, 'vps', t.vps_id)
        ELSE jsonb_strip_nulls(jsonb_build_object('type', 'task', 'epoch', s.epoch, 'task', t.id, 'seq', t.seq, 'kind', t.kind,
            'vps', t.vps_id, 'generation', t.generation, 'deadline_s', t.deadline_s, 'traceparent', t.traceparent,
            'spec', t.spec, 'args', t.args)) END
    FROM node_status s JOIN nodes n ON n.id = s.node_id JOIN tasks t ON t.node_id = s.node_id
    WHERE s.node_id = p_node AND s.node_id = croft_node_id() AND s.epoch = p_epoch
        AND (NOT t.cancel_sent OR t.ended_at IS NULL AND n.state <> 'maintenance' AND t.seq > coalesce((p_message->>'after')::bigint, 0))
    ORDER BY t.ended_at IS NULL, t.seq
$$;

CREATE OR REPLACE FUNCTION croft_task_progress(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    UPDATE tasks SET status = 'running', started_at = coalesce(started_at, now()), step = left(p_message->>'step', 64),
        progress = greatest(progress, least(greatest(coalesce((p_message->>'progress')::int, 0), 0), 99))
    WHERE id = (p_message->>'task')::uuid AND node_id = p_node AND ended_at IS NULL;
    RETURN '{}';
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The progress is malformed.');
END
$$;

CREATE OR REPLACE FUNCTION croft_task_result(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_task uuid;
    v_error jsonb := p_message->'error';
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    IF coalesce(p_message->>'status', '') NOT IN ('done', 'failed')
        OR p_message->>'observed' NOT IN ('absent', 'stopped', 'running', 'error') THEN
        PERFORM croft_protocol_error('The result is malformed.');
    END IF;
    v_task := (p_message->>'task')::uuid;
    IF p_message->>'status' = 'failed' THEN
        v_error := jsonb_build_object('code', coalesce(left(v_error->>'code', 64), 'internal'),
            'detail', coalesce(left(v_error->>'detail', 480), 'The node gave no reason.'));
    ELSE
        v_error := NULL;
    END IF;
    -- A result of a task that is settled, or not of this node, changes nothing and is confirmed: its journal entry may go.
    IF EXISTS (SELECT FROM tasks WHERE id = v_task AND node_id = p_node AND ended_at IS NULL) THEN
        PERFORM croft_settle(v_task, p_message->>'status', v_error, p_message->>'observed');
        IF p_message ? 'size_bytes' THEN
            UPDATE snapshots s SET size_bytes = greatest((p_message->>'size_bytes')::bigint, 0)
            FROM tasks t WHERE t.id = v_task AND t.kind = 'vps_snapshot' AND s.id = (t.args->>'snapshot')::uuid;
            -- What the disk held is what a disk must hold that is made from it.
            UPDATE images i SET min_disk_bytes = greatest((p_message->>'size_bytes')::bigint, 0)
            FROM tasks t WHERE t.id = v_task AND t.kind = 'vps_publish' AND i.id = (t.args->>'image')::uuid AND i.state = 'ready';
        END IF;
    ELSE
        UPDATE tasks SET cancel_sent = true WHERE id = v_task AND node_id = p_node AND NOT cancel_sent;
    END IF;
    RETURN jsonb_build_object('type', 'task_confirm', 'task', v_task);
EXCEPTION WHEN invalid_text_representation THEN
    PERFORM croft_protocol_error('The result is malformed.');
END
$$;
