-- What staff do with the queue, and how the whole of it is.

CREATE OR REPLACE FUNCTION croft_admin_task_cancel(p_req jsonb) RETURNS croft_answer
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_task_take_back((p_req->>'id')::uuid, 'The operator cancelled it.')
$$;

-- Tries again at once what rests with its error, with all its attempts. What is not about what is desired (a snapshot, a publish, a
-- password) only its owner can order anew: what it was to be made of is not kept.
CREATE OR REPLACE FUNCTION croft_admin_task_retry(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps;
    t tasks;
BEGIN
    SELECT x.* INTO v FROM vps x JOIN tasks k ON k.vps_id = x.id WHERE k.id = (p_req->>'id')::uuid FOR NO KEY UPDATE OF x;
    SELECT * INTO t FROM tasks WHERE id = (p_req->>'id')::uuid;
    IF t.id IS NULL THEN
        PERFORM croft_raise_not_found('task');
    ELSIF t.status <> 'failed' THEN
        PERFORM croft_raise(409, 'conflict', format('The task is %s.', t.status));
    ELSIF t.kind IN ('vps_snapshot', 'vps_snapshot_delete', 'vps_publish', 'vps_password') THEN
        PERFORM croft_raise(409, 'conflict', format('A %s is ordered anew by its owner.', t.kind));
    ELSIF v.deleted_at IS NOT NULL OR v.lost_at IS NOT NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is gone.');
    ELSIF v.task_id IS NOT NULL THEN
        PERFORM croft_raise(409, 'conflict', 'Another task of the vps is under way.');
    ELSIF v.error IS NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps has since become what it was to be.');
    END IF;
    PERFORM croft_nodes_lock(ARRAY[v.id]);
    UPDATE vps SET attempts = 0 WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_converge(v, 'retry', croft_power_args(v));
    SELECT * INTO v FROM vps WHERE id = v.id;
    SELECT * INTO t FROM tasks WHERE id = v.task_id;
    RETURN croft_accepted(t, v);
END
$$;

-- Counted where an index counts: it may be asked for each few seconds.
CREATE OR REPLACE FUNCTION croft_admin_system() RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT json_build_object(
        'database', json_build_object('version', current_setting('server_version'), 'size_bytes', pg_database_size(current_database()),
            'started_at', pg_postmaster_start_time(), 'connections', (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
            'connections_max', current_setting('max_connections')::int),
        'nodes', (SELECT json_build_object('total', count(*), 'online', count(*) FILTER (WHERE s.online),
                'with_alarms', count(*) FILTER (WHERE s.alarms <> '{}'),
                'certificates_ending', count(*) FILTER (WHERE c.ends < now() + interval '7 days'))
            FROM nodes n JOIN node_status s ON s.node_id = n.id
            LEFT JOIN LATERAL (SELECT max(k.not_after) AS ends FROM node_certificates k WHERE k.node_id = n.id AND k.revoked_at IS NULL) c ON true
            WHERE n.state <> 'retired'),
        'tasks', json_build_object('queued', (SELECT count(*) FROM tasks WHERE status = 'queued'),
            'running', (SELECT count(*) FROM tasks WHERE status = 'running'),
            'oldest_queued_at', (SELECT min(created_at) FROM tasks WHERE ended_at IS NULL AND status = 'queued'),
            'failed_day', (SELECT count(*) FROM tasks WHERE status = 'failed'
                AND id > (lpad(to_hex((extract(epoch FROM now() - interval '1 day') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid)),
        'vps', json_build_object('resting', (SELECT count(*) FROM vps WHERE deleted_at IS NULL AND observed <> 'running' AND error IS NOT NULL),
            'trying_again', (SELECT count(*) FROM vps WHERE retry_at IS NOT NULL)),
        'mails', json_build_object('queued', (SELECT count(*) FROM mails WHERE state = 'queued'),
            'oldest_queued_at', (SELECT min(created_at) FROM mails WHERE state = 'queued'),
            'failed_day', (SELECT count(*) FROM mails WHERE state = 'failed' AND created_at > now() - interval '1 day')),
        'webhooks', json_build_object('pending', (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'),
            'failing', (SELECT count(*) FROM webhooks WHERE failing_since IS NOT NULL)))
$$;
