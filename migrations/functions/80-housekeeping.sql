-- What has to happen though nobody asks: every few seconds, by one worker.

-- What a node may take longer for than others.
CREATE OR REPLACE FUNCTION croft_overdue_after(t tasks, p_deadline interval) RETURNS interval LANGUAGE sql IMMUTABLE
    RETURN p_deadline + make_interval(secs => greatest(t.deadline_s - 300, 0));

-- Fails the tasks that nobody settled in time, at most a hundred at once. Their vps are locked first, all of them; one that
-- is busy is left for the next time.
CREATE OR REPLACE FUNCTION croft_fail_overdue(p_deadline interval) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_locked uuid[];
    x record;
    v_count int := 0;
BEGIN
    v_locked := ARRAY(SELECT v.id FROM vps v WHERE v.id IN (SELECT t.vps_id FROM tasks t
            WHERE t.ended_at IS NULL AND t.created_at < now() - croft_overdue_after(t, p_deadline) ORDER BY t.created_at LIMIT 100)
        ORDER BY v.id FOR NO KEY UPDATE SKIP LOCKED);
    -- What a failed create or resize gives back, before any node is locked.
    PERFORM croft_quota_lock_all(ARRAY(SELECT tenant_id FROM vps WHERE id = ANY (v_locked)),
        '{running_vps,vcpus,memory_bytes,disk_bytes,image_bytes}');
    FOR x IN SELECT t.id, s.online AND s.last_seen_at > now() - interval '30 seconds' AS online
        FROM tasks t JOIN node_status s ON s.node_id = t.node_id
        WHERE t.vps_id = ANY (v_locked) AND t.ended_at IS NULL AND t.created_at < now() - croft_overdue_after(t, p_deadline)
        ORDER BY t.node_id, t.seq
    LOOP
        PERFORM croft_settle(x.id, 'failed', CASE WHEN x.online
            THEN jsonb_build_object('code', 'timeout', 'detail', 'The node did not finish this in time.')
            ELSE jsonb_build_object('code', 'node_unreachable', 'detail', 'The node could not be reached in time.') END, NULL);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- Tries again what failed, where the pause is over and the node is there.
CREATE OR REPLACE FUNCTION croft_retry_due() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    v_due vps[];
BEGIN
    v_due := ARRAY(SELECT k FROM vps k JOIN node_status s ON s.node_id = k.node_id
        WHERE k.retry_at <= now() AND k.task_id IS NULL AND k.deleted_at IS NULL
            AND s.online AND s.last_seen_at > now() - interval '30 seconds'
        ORDER BY k.id LIMIT 100 FOR NO KEY UPDATE OF k SKIP LOCKED);
    FOREACH v IN ARRAY v_due LOOP
        PERFORM croft_converge(v, 'retry');
    END LOOP;
    RETURN cardinality(v_due);
END
$$;

-- Drops what has had its time, in bounded steps.
CREATE OR REPLACE FUNCTION croft_expire() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys
        WHERE created_at < now() - interval '24 hours' LIMIT 1000 FOR UPDATE SKIP LOCKED);
    DELETE FROM sessions WHERE ctid IN (SELECT ctid FROM sessions
        WHERE expires_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED);
    DELETE FROM join_tokens WHERE ctid IN (SELECT ctid FROM join_tokens
        WHERE used_at IS NULL AND expires_at < now() - interval '1 day' LIMIT 1000 FOR UPDATE SKIP LOCKED);
END
$$;

CREATE OR REPLACE FUNCTION croft_housekeeping(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_offline int;
    v_overdue int;
    v_retried int;
    v_deleted int;
    v_snapshots int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('croft_housekeeping')) THEN
        RETURN '{"busy":true}';
    END IF;
    UPDATE node_status SET online = false WHERE node_id IN (SELECT node_id FROM node_status
        WHERE online AND last_seen_at < now() - interval '30 seconds' FOR NO KEY UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_offline = ROW_COUNT;
    v_overdue := croft_fail_overdue(make_interval(secs => coalesce((p_request->>'task_deadline_s')::int, 600)));
    v_retried := croft_retry_due();
    v_deleted := croft_delete_due();
    v_snapshots := croft_snapshots_due() + croft_schedules_due();
    PERFORM croft_expire();
    PERFORM croft_people_expire();
    PERFORM croft_webhook_expire();
    RETURN jsonb_build_object('offline', v_offline, 'overdue', v_overdue, 'retried', v_retried, 'deleted', v_deleted,
        'snapshots', v_snapshots);
END
$$;
