-- Snapshots and their schedules. The vps is locked before its snapshots, those before quota rows.

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON snapshots FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER check_state BEFORE UPDATE ON snapshots FOR EACH ROW
    WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION croft_check_transition('state');
-- Of a schedule only what its owner sets: the rest changes with every run.
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE OF hourly, daily, weekly ON snapshot_schedules
    FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_snapshot_json(s snapshots) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', s.id, 'vps_id', s.vps_id, 'tenant_id', s.tenant_id, 'name', s.name,
        'origin', CASE WHEN s.period IS NULL THEN 'manual' ELSE 'scheduled' END, 'period', s.period, 'state', s.state,
        'size_bytes', s.size_bytes, 'error', s.error, 'task_id', s.task_id, 'created_at', s.created_at,
        'updated_at', s.updated_at);

CREATE OR REPLACE FUNCTION croft_schedule_json(c snapshot_schedules) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('vps_id', c.vps_id, 'hourly', c.hourly, 'daily', c.daily, 'weekly', c.weekly,
        'next_at', c.next_at, 'last_at', greatest(c.hourly_at, c.daily_at, c.weekly_at), 'error', c.error,
        'created_at', c.created_at, 'updated_at', c.updated_at);

CREATE OR REPLACE FUNCTION croft_snapshot_accepted(t tasks, v vps, s snapshots) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (202, json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v), 'snapshot', croft_snapshot_json(s))::text,
        croft_etag(s.version), '/v1/snapshots/' || s.id)::croft_answer
$$;

-- A task beside the desired state of a vps that the caller has locked: no generation is asked for.
CREATE OR REPLACE FUNCTION croft_snapshot_task(v vps, p_kind text, p_snapshot uuid) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
BEGIN
    t := croft_task_add(v, p_kind, jsonb_build_object('snapshot', p_snapshot));
    UPDATE vps SET task_id = t.id WHERE id = v.id;
    UPDATE snapshots SET task_id = t.id, retry_at = NULL WHERE id = p_snapshot;
    RETURN t;
END
$$;

-- Takes one of the tenant's quota, at every level of the tree, and orders it of the node.
CREATE OR REPLACE FUNCTION croft_snapshot_make(v vps, p_name text, p_period text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    s snapshots;
    t tasks;
BEGIN
    PERFORM croft_quota_move(v.tenant_id, '{snapshots}', '{1}', 1);
    INSERT INTO snapshots (tenant_id, vps_id, name, period)
        VALUES (v.tenant_id, v.id, coalesce(p_name, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')), p_period)
        RETURNING * INTO s;
    t := croft_snapshot_task(v, 'vps_snapshot', s.id);
    SELECT * INTO s FROM snapshots WHERE id = s.id;
    SELECT * INTO v FROM vps WHERE id = v.id;
    PERFORM croft_changed('snapshot.created', v.tenant_id, 'snapshot', s.id, NULL, croft_snapshot_json(s)::jsonb,
        jsonb_build_object('task_id', t.id));
    RETURN croft_snapshot_accepted(t, v, s);
END
$$;

CREATE OR REPLACE FUNCTION croft_snapshot_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    RETURN croft_idempotency_end(p_req,
        croft_snapshot_make(croft_order_begin(p_req, 'snapshot'), p_req->'body'->>'name', NULL));
END
$$;

-- The tenant's own snapshot, locked after its vps.
CREATE OR REPLACE FUNCTION croft_snapshot_hold(p_req jsonb) RETURNS snapshots LANGUAGE plpgsql AS $$
DECLARE
    s snapshots;
BEGIN
    PERFORM FROM vps v WHERE v.id = (SELECT x.vps_id FROM snapshots x WHERE x.id = (p_req->>'id')::uuid
        AND x.tenant_id = croft_tenant_id()) FOR NO KEY UPDATE;
    SELECT * INTO s FROM snapshots WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('snapshot');
    END IF;
    RETURN s;
END
$$;

CREATE OR REPLACE FUNCTION croft_snapshot_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s snapshots := croft_snapshot_hold(p_req);
    v_name text := p_req->'body'->>'name';
    v_old snapshots := s;
BEGIN
    PERFORM croft_check_match(p_req, s.version);
    IF v_name IS NOT NULL AND v_name <> s.name THEN
        UPDATE snapshots SET name = v_name WHERE id = s.id RETURNING * INTO s;
        PERFORM croft_changed('snapshot.updated', s.tenant_id, 'snapshot', s.id, croft_snapshot_json(v_old)::jsonb,
            croft_snapshot_json(s)::jsonb);
    END IF;
    RETURN (200, croft_snapshot_json(s)::text, croft_etag(s.version), NULL)::croft_answer;
END
$$;

-- A clone reads it, on behalf of another vps, so that the node does not keep the two apart.
CREATE OR REPLACE FUNCTION croft_snapshot_in_use(v vps, p_snapshot uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM tasks t WHERE t.node_id = v.node_id AND t.ended_at IS NULL AND t.kind = 'vps_clone'
        AND t.args->>'snapshot' = p_snapshot::text)
$$;

-- Orders the delete of a snapshot whose vps is locked. It holds its quota until the node has said that it is gone.
CREATE OR REPLACE FUNCTION croft_snapshot_remove(v vps, s snapshots, p_why text) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    v_old snapshots := s;
    t tasks;
BEGIN
    UPDATE snapshots SET state = 'deleting', attempts = 0 WHERE id = s.id;
    t := croft_snapshot_task(v, 'vps_snapshot_delete', s.id);
    SELECT * INTO s FROM snapshots WHERE id = s.id;
    PERFORM croft_changed('snapshot.delete_ordered', s.tenant_id, 'snapshot', s.id, croft_snapshot_json(v_old)::jsonb,
        croft_snapshot_json(s)::jsonb, jsonb_build_object('task_id', t.id, 'why', p_why));
    RETURN t;
END
$$;

-- Deleting again while the first order is under way answers with that one's task.
CREATE OR REPLACE FUNCTION croft_snapshot_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s snapshots := croft_snapshot_hold(p_req);
    v vps;
    t tasks;
BEGIN
    SELECT * INTO v FROM vps WHERE id = s.vps_id;
    IF s.state = 'deleting' AND s.task_id IS NOT NULL THEN
        SELECT * INTO t FROM tasks WHERE id = s.task_id;
        RETURN croft_snapshot_accepted(t, v, s);
    ELSIF v.desired = 'deleted' THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is being deleted, and its snapshots with it.');
    ELSIF croft_snapshot_in_use(v, s.id) THEN
        PERFORM croft_raise(409, 'conflict', 'A clone is being made from this snapshot.');
    END IF;
    t := croft_snapshot_remove(v, s, 'ordered');
    SELECT * INTO s FROM snapshots WHERE id = s.id;
    SELECT * INTO v FROM vps WHERE id = v.id;
    RETURN croft_snapshot_accepted(t, v, s);
END
$$;

-- What the end of a task, whichever way, is for its snapshot. The vps is locked.
CREATE OR REPLACE FUNCTION croft_snapshot_ended(t tasks) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    s snapshots;
BEGIN
    SELECT * INTO s FROM snapshots WHERE id = (t.args->>'snapshot')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN; -- it went with its vps
    ELSIF t.kind = 'vps_snapshot' THEN
        UPDATE snapshots SET task_id = nullif(task_id, t.id), error = t.error,
            state = CASE WHEN state <> 'creating' THEN state WHEN t.status = 'done' THEN 'ready' ELSE 'failed' END
        WHERE id = s.id RETURNING * INTO s;
        SELECT * INTO v FROM vps WHERE id = t.vps_id;
        PERFORM croft_schedule_retain(v);
    ELSIF t.status = 'done' AND s.state = 'deleting' THEN
        PERFORM croft_quota_move(s.tenant_id, '{snapshots}', '{1}', -1);
        DELETE FROM snapshots WHERE id = s.id;
        PERFORM croft_changed('snapshot.deleted', s.tenant_id, 'snapshot', s.id, croft_snapshot_json(s)::jsonb, NULL);
    ELSE
        -- After 10, 20, 40, 80 s; then it rests with its error until somebody deletes it again.
        UPDATE snapshots SET task_id = nullif(task_id, t.id), error = t.error, attempts = attempts + 1,
            retry_at = CASE WHEN attempts < 4 THEN now() + interval '10 seconds' * power(2, attempts) END
        WHERE id = s.id;
    END IF;
END
$$;

-- The snapshots of a vps that is gone went with it.
CREATE OR REPLACE FUNCTION croft_snapshots_gone(v vps) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    s snapshots;
    v_all snapshots[] := ARRAY(SELECT x FROM snapshots x WHERE x.vps_id = v.id ORDER BY x.id FOR NO KEY UPDATE);
BEGIN
    DELETE FROM snapshot_schedules WHERE vps_id = v.id;
    PERFORM croft_quota_move(v.tenant_id, '{snapshots}', ARRAY[cardinality(v_all)::bigint], -1) WHERE cardinality(v_all) > 0;
    DELETE FROM snapshots WHERE vps_id = v.id;
    FOREACH s IN ARRAY v_all LOOP
        PERFORM croft_changed('snapshot.deleted', s.tenant_id, 'snapshot', s.id, croft_snapshot_json(s)::jsonb, NULL);
    END LOOP;
END
$$;

-- ---- Schedules

-- The start of the period that a time lies in. Each vps has a minute of the hour of its own, so that a node does not make them
-- all at once.
CREATE OR REPLACE FUNCTION croft_schedule_slot(p_vps uuid, p_unit text, p_ts timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT date_trunc(p_unit, (p_ts - o.shift) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + o.shift
    FROM (SELECT make_interval(secs => abs(hashtext(p_vps::text) % 3600)) AS shift) o
$$;

-- Always after now: runs that were missed are not made up.
CREATE OR REPLACE FUNCTION croft_schedule_next(c snapshot_schedules) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT croft_schedule_slot(c.vps_id, u.unit, now()) + ('1 ' || u.unit)::interval
    FROM (SELECT CASE WHEN c.hourly > 0 THEN 'hour' WHEN c.daily > 0 THEN 'day' ELSE 'week' END AS unit) u
$$;

-- The longest period of which none was made yet: one snapshot serves one period.
CREATE OR REPLACE FUNCTION croft_schedule_period(c snapshot_schedules) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN c.weekly > 0 AND coalesce(c.weekly_at < croft_schedule_slot(c.vps_id, 'week', now()), true) THEN 'weekly'
        WHEN c.daily > 0 AND coalesce(c.daily_at < croft_schedule_slot(c.vps_id, 'day', now()), true) THEN 'daily'
        WHEN c.hourly > 0 THEN 'hourly' END
$$;

-- Deletes what the schedule of a locked vps keeps no longer: of each period all but the newest, and those that failed. Never one
-- that somebody made, nor anything once there is no schedule.
CREATE OR REPLACE FUNCTION croft_schedule_retain(v vps) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c snapshot_schedules;
    s snapshots;
    v_excess snapshots[];
BEGIN
    SELECT * INTO c FROM snapshot_schedules WHERE vps_id = v.id;
    IF NOT FOUND OR v.desired = 'deleted' THEN
        RETURN;
    END IF;
    v_excess := ARRAY(SELECT x FROM (
            SELECT y AS x, row_number() OVER (PARTITION BY y.period ORDER BY y.created_at DESC, y.id DESC) AS n
            FROM snapshots y WHERE y.vps_id = v.id AND y.period IS NOT NULL AND y.state = 'ready') z
        WHERE z.n > CASE (z.x).period WHEN 'hourly' THEN c.hourly WHEN 'daily' THEN c.daily ELSE c.weekly END)
        || ARRAY(SELECT y FROM snapshots y WHERE y.vps_id = v.id AND y.period IS NOT NULL AND y.state = 'failed');
    FOREACH s IN ARRAY v_excess LOOP
        IF NOT croft_snapshot_in_use(v, s.id) THEN
            PERFORM croft_snapshot_remove(v, s, 'retention');
        END IF;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_schedule_answer(c snapshot_schedules) RETURNS croft_answer LANGUAGE sql STABLE AS $$
    SELECT (200, croft_schedule_json(c)::text, croft_etag(c.version), NULL)::croft_answer
$$;

-- One that is there is changed with If-Match only.
CREATE OR REPLACE FUNCTION croft_schedule_set(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    v vps;
    c snapshot_schedules;
    v_before jsonb;
BEGIN
    PERFORM croft_tenant_hold(croft_tenant_id());
    v := croft_vps_hold(p_req);
    IF v.desired = 'deleted' THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is being deleted.');
    END IF;
    SELECT * INTO c FROM snapshot_schedules WHERE vps_id = v.id FOR NO KEY UPDATE;
    IF FOUND THEN
        PERFORM croft_check_match(p_req, c.version);
        v_before := croft_schedule_json(c)::jsonb;
    END IF;
    c.vps_id := v.id;
    c.hourly := coalesce((b->>'hourly')::int, 0);
    c.daily := coalesce((b->>'daily')::int, 0);
    c.weekly := coalesce((b->>'weekly')::int, 0);
    IF c.hourly + c.daily + c.weekly = 0 THEN
        PERFORM croft_raise(422, 'invalid_value', 'A schedule keeps at least one snapshot; delete it to have none.');
    END IF;
    INSERT INTO snapshot_schedules (vps_id, tenant_id, hourly, daily, weekly, next_at)
        VALUES (v.id, v.tenant_id, c.hourly, c.daily, c.weekly, croft_schedule_next(c))
        ON CONFLICT (vps_id) DO UPDATE SET hourly = excluded.hourly, daily = excluded.daily, weekly = excluded.weekly,
            next_at = excluded.next_at, error = NULL
        RETURNING * INTO c;
    PERFORM croft_schedule_retain(v);
    PERFORM croft_changed(CASE WHEN v_before IS NULL THEN 'snapshot_schedule.created' ELSE 'snapshot_schedule.updated' END,
        v.tenant_id, 'vps', v.id, v_before, croft_schedule_json(c)::jsonb);
    RETURN croft_schedule_answer(c);
END
$$;

-- The snapshots that it made stay.
CREATE OR REPLACE FUNCTION croft_schedule_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps := croft_vps_hold(p_req);
    c snapshot_schedules;
BEGIN
    DELETE FROM snapshot_schedules WHERE vps_id = v.id RETURNING * INTO c;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('snapshot schedule');
    END IF;
    PERFORM croft_changed('snapshot_schedule.deleted', v.tenant_id, 'vps', v.id, croft_schedule_json(c)::jsonb, NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- Makes what is due of a locked vps; why not, where that is so.
CREATE OR REPLACE FUNCTION croft_schedule_run(v vps, c snapshot_schedules) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_period text := croft_schedule_period(c);
    v_code text;
BEGIN
    -- Not held: tenants are locked before vps.
    IF EXISTS (SELECT FROM tenants t, tenants above WHERE t.id = v.tenant_id AND above.id = ANY (t.path) AND above.state <> 'active') THEN
        PERFORM croft_raise(403, 'forbidden', 'The tenant is not active.');
    END IF;
    PERFORM croft_order_check(v, 'snapshot');
    PERFORM croft_snapshot_make(v, NULL, v_period);
    UPDATE snapshot_schedules SET hourly_at = CASE v_period WHEN 'hourly' THEN now() ELSE hourly_at END,
        daily_at = CASE v_period WHEN 'daily' THEN now() ELSE daily_at END,
        weekly_at = CASE v_period WHEN 'weekly' THEN now() ELSE weekly_at END
    WHERE vps_id = v.id;
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'CR409' OR SQLSTATE 'CR403' THEN
    GET STACKED DIAGNOSTICS v_code = PG_EXCEPTION_DETAIL;
    RETURN jsonb_build_object('code', v_code, 'detail', SQLERRM);
END
$$;

-- Runs the schedules that are due and whose node is there, twenty at once; a vps that is busy is left for the next time. One that
-- could not be run is tried again a little later if something else was under way, and at its next time otherwise.
CREATE OR REPLACE FUNCTION croft_schedules_due() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_due vps[];
    v vps;
    c snapshot_schedules;
    v_new snapshot_schedules;
    v_error jsonb;
BEGIN
    v_due := ARRAY(SELECT k FROM vps k WHERE k.id IN (
            SELECT d.vps_id FROM snapshot_schedules d JOIN vps w ON w.id = d.vps_id JOIN node_status n ON n.node_id = w.node_id
            WHERE d.next_at <= now() AND n.online AND w.desired <> 'deleted'
                AND w.delete_after IS NULL ORDER BY d.next_at LIMIT 20)
        ORDER BY k.id FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM FROM snapshot_schedules WHERE vps_id IN (SELECT (d).id FROM unnest(v_due) d) ORDER BY vps_id FOR NO KEY UPDATE;
    PERFORM croft_quota_lock_all(ARRAY(SELECT (d).tenant_id FROM unnest(v_due) d), '{snapshots}');
    PERFORM croft_nodes_lock(ARRAY(SELECT (d).id FROM unnest(v_due) d));
    FOREACH v IN ARRAY v_due LOOP
        SELECT * INTO c FROM snapshot_schedules WHERE vps_id = v.id AND next_at <= now();
        CONTINUE WHEN NOT FOUND;
        v_error := croft_schedule_run(v, c);
        UPDATE snapshot_schedules SET error = v_error,
            next_at = CASE v_error->>'code' WHEN 'conflict' THEN least(now() + interval '5 minutes', croft_schedule_next(c))
                ELSE croft_schedule_next(c) END
        WHERE vps_id = v.id RETURNING * INTO v_new;
        IF v_error IS NOT NULL THEN
            PERFORM croft_changed('snapshot_schedule.failed', v.tenant_id, 'vps', v.id, croft_schedule_json(c)::jsonb,
                croft_schedule_json(v_new)::jsonb);
        END IF;
    END LOOP;
    RETURN cardinality(v_due);
END
$$;

-- Deletes again what could not be deleted, and what failed a day ago: the node may have something under its id.
CREATE OR REPLACE FUNCTION croft_snapshots_due() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_locked uuid[];
    v vps;
    s snapshots;
    v_count int := 0;
BEGIN
    v_locked := ARRAY(SELECT k.id FROM vps k WHERE k.desired <> 'deleted' AND k.id IN (
            (SELECT x.vps_id FROM snapshots x WHERE x.retry_at <= now() LIMIT 50)
            UNION (SELECT x.vps_id FROM snapshots x WHERE x.state = 'failed' AND x.updated_at < now() - interval '1 day' LIMIT 50))
        ORDER BY k.id FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM FROM snapshots WHERE vps_id = ANY (v_locked) ORDER BY id FOR NO KEY UPDATE;
    PERFORM croft_nodes_lock(v_locked);
    FOR s IN SELECT x.* FROM snapshots x WHERE x.vps_id = ANY (v_locked) AND x.task_id IS NULL
        AND (x.retry_at <= now() OR x.state = 'failed' AND x.updated_at < now() - interval '1 day') ORDER BY x.id LIMIT 100
    LOOP
        SELECT * INTO v FROM vps WHERE id = s.vps_id;
        IF s.state = 'failed' THEN
            PERFORM croft_snapshot_remove(v, s, 'expired');
        ELSE
            PERFORM croft_snapshot_task(v, 'vps_snapshot_delete', s.id);
        END IF;
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;
