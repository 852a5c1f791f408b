-- What has to happen though nobody asks: every few seconds, by one worker.

-- After so long a chore that goes from account to account ends, and what it did is kept: one that took longer than whoever asks waits
-- (server/housekeeping.c) would do all of it again, for ever.
CREATE OR REPLACE FUNCTION croft_chore_time() RETURNS interval LANGUAGE sql STABLE
    RETURN interval '10 seconds';

-- What a node may take longer for than others.
CREATE OR REPLACE FUNCTION croft_overdue_after(t tasks, p_deadline interval) RETURNS interval LANGUAGE sql IMMUTABLE
    RETURN p_deadline + make_interval(secs => greatest(t.deadline_s - 300, 0));

-- Fails the tasks that nobody settled in time, at most a hundred at once; the time in which their node was in maintenance does not
-- count. Their vps are locked first, all of them; one that
-- is busy is left for the next time.
CREATE OR REPLACE FUNCTION croft_fail_overdue(p_deadline interval) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_locked uuid[];
    x record;
    v_count int := 0;
BEGIN
    v_locked := ARRAY(SELECT v.id FROM vps v WHERE v.id IN (SELECT t.vps_id FROM tasks t
                JOIN nodes n ON n.id = t.node_id AND n.state <> 'maintenance'
                    AND coalesce(n.serving_since, '-infinity') < now() - croft_overdue_after(t, p_deadline)
            WHERE t.ended_at IS NULL AND t.created_at < now() - croft_overdue_after(t, p_deadline) ORDER BY t.created_at LIMIT 100)
        ORDER BY v.id FOR NO KEY UPDATE SKIP LOCKED);
    -- What a failed create or resize gives back, before any node is locked.
    PERFORM croft_quota_lock_all(ARRAY(SELECT tenant_id FROM vps WHERE id = ANY (v_locked)),
        '{running_vps,vcpus,memory_bytes,disk_bytes,image_bytes}');
    PERFORM croft_nodes_lock(v_locked);
    FOR x IN SELECT t.id, s.online AND s.last_seen_at > now() - interval '30 seconds' AS online
        FROM tasks t JOIN node_status s ON s.node_id = t.node_id
        WHERE t.vps_id = ANY (v_locked) AND t.ended_at IS NULL AND t.created_at < now() - croft_overdue_after(t, p_deadline)
        ORDER BY t.node_id, t.seq
    LOOP
        PERFORM croft_settle(x.id, 'failed', CASE WHEN x.online
            THEN jsonb_build_object('code', 'timeout', 'detail', 'The node did not finish this in time.')
            ELSE jsonb_build_object('code', 'node_unreachable', 'detail', 'The node could not be reached in time.') END, NULL);
        -- Nothing that comes later puts an end to it on the node.
        UPDATE tasks SET cancel_sent = false WHERE id = x.id AND kind = 'vps_publish';
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
    PERFORM croft_nodes_lock(ARRAY(SELECT (d).id FROM unnest(v_due) d));
    FOREACH v IN ARRAY v_due LOOP
        PERFORM croft_converge(v, 'retry', croft_power_args(v));
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

-- One step; how much it did.
CREATE OR REPLACE FUNCTION croft_housekeeping_step(p_step text, p_request jsonb) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_count int := 0;
BEGIN
    CASE p_step
        WHEN 'offline' THEN
            UPDATE node_status SET online = false WHERE node_id IN (SELECT node_id FROM node_status
                WHERE online AND last_seen_at < now() - interval '30 seconds' FOR NO KEY UPDATE SKIP LOCKED);
            GET DIAGNOSTICS v_count = ROW_COUNT;
        WHEN 'alarms' THEN
            v_count := croft_nodes_unreachable();
            PERFORM croft_drift_alarms();
        WHEN 'overdue' THEN
            v_count := croft_fail_overdue(make_interval(secs => coalesce((p_request->>'task_deadline_s')::int, 600)));
        WHEN 'retry' THEN v_count := croft_retry_due();
        WHEN 'delete' THEN v_count := croft_delete_due();
        WHEN 'snapshots' THEN v_count := croft_snapshots_due();
        WHEN 'schedules' THEN v_count := croft_schedules_due();
        WHEN 'series' THEN v_count := croft_series_roll() + croft_usage_expire();
        WHEN 'expire' THEN
            PERFORM croft_expire();
            PERFORM croft_people_expire();
            PERFORM croft_consoles_expire();
            PERFORM croft_webhook_expire();
    END CASE;
    RETURN v_count;
END
$$;

-- {step, task_deadline_s}. Each step is a transaction of its own: one that holds nodes may not go on to vps and quotas, which come
-- before them. Without a step all are done, one after another, where nothing else runs.
CREATE OR REPLACE FUNCTION croft_housekeeping(p_request jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_steps text[] := '{offline,alarms,overdue,retry,delete,snapshots,schedules,series,expire}';
    v_step text;
    v_reply jsonb := '{}';
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('croft_housekeeping')) THEN
        RETURN '{"busy":true}';
    ELSIF p_request ? 'step' THEN
        v_steps := ARRAY[p_request->>'step'];
    END IF;
    FOREACH v_step IN ARRAY v_steps LOOP
        v_reply := v_reply || jsonb_build_object(v_step, croft_housekeeping_step(v_step, p_request));
    END LOOP;
    RETURN v_reply;
END
$$;
