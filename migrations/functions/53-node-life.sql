-- The life of a node (docs/nodes.md): what is wrong with it, its end, and what becomes of the vps on one that does not come back.

-- ---- Alarms

-- Writes the alarms that p_deciding decides about as p_now {code: detail} says; each that is new or over is an event. The caller has
-- locked the node's status.
CREATE OR REPLACE FUNCTION croft_alarms_set(p_node uuid, p_now jsonb, p_deciding text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_old jsonb;
    v_new jsonb;
    v_code text;
BEGIN
    SELECT alarms INTO v_old FROM node_status WHERE node_id = p_node;
    SELECT (v_old - p_deciding) || coalesce(jsonb_object_agg(n.key, jsonb_build_object('detail', n.value,
            'since', coalesce(v_old->n.key->'since', to_jsonb(now())))), '{}') INTO v_new FROM jsonb_each(p_now) n;
    IF v_new = v_old THEN
        RETURN;
    END IF;
    UPDATE node_status SET alarms = v_new WHERE node_id = p_node;
    FOR v_code IN SELECT k FROM jsonb_object_keys(v_old || v_new) k WHERE (v_old ? k) <> (v_new ? k) ORDER BY k LOOP
        PERFORM croft_changed(CASE WHEN v_new ? v_code THEN 'node.alarm_raised' ELSE 'node.alarm_cleared' END, NULL, 'node', p_node,
            v_old->v_code, v_new->v_code, jsonb_build_object('code', v_code));
    END LOOP;
END
$$;

-- What only this side decides.
CREATE OR REPLACE FUNCTION croft_own_alarms() RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN '{unreachable,pool_high_water,drift,orphans}'::text[];

-- How full a pool is, in whole percent; null: it does not say.
CREATE OR REPLACE FUNCTION croft_pool_percent(p_capacity bigint, p_free bigint) RETURNS int LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN p_capacity > 0 AND p_free IS NOT NULL THEN 100 - 100 * least(p_free, p_capacity) / p_capacity END;

-- The alarm of a pool above its mark, kept until it is five percent below: what wavers around it does not ring each time.
CREATE OR REPLACE FUNCTION croft_pool_alarm(n nodes, p_bytes bigint, p_free bigint, p_was boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN croft_pool_percent(p_bytes, p_free) >= n.high_water_percent - CASE WHEN p_was THEN 5 ELSE 0 END
        THEN jsonb_build_object('pool_high_water', format('The pool is %s %% full, the mark is %s %%.',
            croft_pool_percent(p_bytes, p_free) / 5 * 5, n.high_water_percent)) ELSE '{}' END;

-- {code: detail} of a report's list of {code, detail}.
CREATE OR REPLACE FUNCTION croft_alarms_said(p_list jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(a->>'code', left(a->>'detail', 255)), '{}')
    FROM jsonb_array_elements(CASE jsonb_typeof(p_list) WHEN 'array' THEN p_list ELSE '[]' END) a
    WHERE a->>'code' ~ '^[a-z_]{1,64}$' AND a->>'code' <> ALL (croft_own_alarms())
$$;

-- What a heartbeat says, or the part of a hello that is one: the node's own alarms where it names them, and what follows from its numbers.
CREATE OR REPLACE FUNCTION croft_node_alarms(p_node uuid, p_said jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n nodes;
    s node_status;
    v_old jsonb;
    v_deciding text[] := '{pool_high_water,unreachable}';
BEGIN
    SELECT * INTO n FROM nodes WHERE id = p_node;
    SELECT * INTO s FROM node_status WHERE node_id = p_node;
    v_old := s.alarms;
    IF p_said IS NOT NULL THEN
        v_deciding := v_deciding || ARRAY(SELECT k FROM jsonb_object_keys(v_old) k WHERE k <> ALL (croft_own_alarms()));
    END IF;
    PERFORM croft_alarms_set(p_node, croft_alarms_said(p_said)
        || croft_pool_alarm(n, s.pool_bytes, s.disk_free_bytes, v_old ? 'pool_high_water'), v_deciding);
END
$$;

-- Nodes that were heard of and no longer are (housekeeping). One in maintenance is expected to be away.
CREATE OR REPLACE FUNCTION croft_nodes_unreachable() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_node uuid;
    v_count int := 0;
BEGIN
    FOR v_node IN SELECT s.node_id FROM node_status s JOIN nodes n ON n.id = s.node_id
        WHERE s.last_seen_at < now() - interval '30 seconds' AND NOT s.alarms ? 'unreachable' AND n.state IN ('active', 'draining')
        ORDER BY s.node_id FOR NO KEY UPDATE OF s SKIP LOCKED
    LOOP
        PERFORM croft_alarms_set(v_node, '{"unreachable":"It has not been heard of for half a minute."}', '{unreachable}');
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

-- ---- What is lost

-- What is kept to give it as much again, should it come back: of each address its family, kind and name.
CREATE OR REPLACE FUNCTION croft_addresses_before(v vps) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(a || jsonb_strip_nulls(jsonb_build_object('name', r.name)) ORDER BY n), '[]')
    FROM jsonb_array_elements(v.addresses) WITH ORDINALITY x (a, n) LEFT JOIN rdns r ON r.address = (a->>'address')::inet
$$;

-- Gives a locked vps up: its tasks end, all that it holds is free, but for its range of ids and its ports, which its node may still be
-- using. What was to be deleted is gone; anything else stays to be seen, with its firewall and its networks, until it is deleted.
CREATE OR REPLACE FUNCTION croft_lose(v vps) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_error jsonb := '{"code":"vps_lost","detail":"Its node was lost, and what was on its disk with it."}';
    v_before jsonb := v.body;
BEGIN
    PERFORM croft_task_end(t.id, 'failed', v_error) FROM (
        SELECT k.id FROM tasks k WHERE k.vps_id = v.id AND k.ended_at IS NULL ORDER BY k.seq FOR NO KEY UPDATE) t;
    UPDATE vps SET lost_at = now(), desired = CASE desired WHEN 'running' THEN 'stopped' ELSE desired END,
        lost_addresses = croft_addresses_before(v) WHERE id = v.id;
    PERFORM croft_snapshots_gone(v);
    PERFORM croft_release(v);
    UPDATE id_ranges SET vps_id = v.id WHERE node_id = v.node_id AND slot = v.slot;
    UPDATE vps SET observed = 'absent', generation = generation + 1, error = v_error, task_id = NULL, addresses = '[]',
        ipv4_count = (SELECT count(*) FROM jsonb_array_elements(v.addresses) a WHERE a->>'family' = '4'),
        ipv6_count = (SELECT count(*) FROM jsonb_array_elements(v.addresses) a WHERE a->>'family' = '6'),
        resize = NULL, rescue_image_id = NULL, frozen = false, delete_after = NULL, held_desired = NULL, attempts = 0, retry_at = NULL,
        deleted_at = CASE desired WHEN 'deleted' THEN now() END
    WHERE id = v.id RETURNING * INTO v;
    IF v.deleted_at IS NOT NULL THEN
        PERFORM croft_network_end(v);
    END IF;
    PERFORM croft_changed('vps.lost', v.tenant_id, 'vps', v.id, v_before, v.body::jsonb);
END
$$;

-- Those on a node, each in the lock order of migrations/README.md: all of them, their quotas, the node, the pools.
CREATE OR REPLACE FUNCTION croft_lose_all(p_node uuid, p_only uuid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v vps;
    v_all vps[] := ARRAY(SELECT k FROM vps k WHERE k.node_id = p_node AND k.deleted_at IS NULL AND k.lost_at IS NULL
        AND (p_only IS NULL OR k.id = p_only) ORDER BY k.id FOR NO KEY UPDATE);
BEGIN
    PERFORM croft_quota_lock_all(ARRAY(SELECT (x).tenant_id FROM unnest(v_all) x), ARRAY(SELECT name FROM resources));
    PERFORM FROM nodes WHERE id = p_node FOR NO KEY UPDATE;
    PERFORM FROM pools p WHERE p.id IN (SELECT a.pool_id FROM addresses a WHERE a.vps_id IN (SELECT (x).id FROM unnest(v_all) x))
        ORDER BY p.family, p.node_id IS NULL, p.id FOR NO KEY UPDATE;
    FOREACH v IN ARRAY v_all LOOP
        PERFORM croft_lose(v);
    END LOOP;
    RETURN cardinality(v_all);
END
$$;

-- Whether a node may not speak any more: it was revoked, or its certificates have ended.
CREATE OR REPLACE FUNCTION croft_node_is_out(p_node uuid) RETURNS boolean LANGUAGE sql STABLE
    RETURN NOT EXISTS (SELECT FROM node_certificates c WHERE c.node_id = p_node AND c.revoked_at IS NULL AND c.not_after > now());

-- One vps, of a node that is out or retired: one that may come back by itself is not given up.
CREATE OR REPLACE FUNCTION croft_admin_vps_lose(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps;
BEGIN
    SELECT * INTO v FROM vps WHERE id = (p_req->>'id')::uuid AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('vps');
    ELSIF NOT croft_node_is_out(v.node_id) THEN
        PERFORM croft_raise(409, 'conflict', 'Its node may come back: revoke or retire the node first.');
    END IF;
    PERFORM croft_lose_all(v.node_id, v.id);
    SELECT * INTO v FROM vps WHERE id = v.id;
    RETURN (200, v.body, croft_etag(v.version), NULL)::croft_answer;
END
$$;

-- Deletes what is lost. There is nobody to order it of: its task is done as soon as it is made.
CREATE OR REPLACE FUNCTION croft_lost_remove(v vps) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    t tasks;
    v_before jsonb := v.body;
BEGIN
    v.desired := 'deleted';
    v.generation := v.generation + 1;
    t := croft_task_add(v, 'vps_delete');
    t := croft_task_end(t.id, 'done', NULL);
    UPDATE vps SET desired = 'deleted', generation = v.generation, task_id = NULL, deleted_at = now() WHERE id = v.id RETURNING * INTO v;
    PERFORM croft_network_end(v);
    PERFORM croft_changed('vps.deleted', v.tenant_id, 'vps', v.id, v_before, NULL);
    RETURN croft_accepted(t, v);
END
$$;

-- ---- The end

-- A node's last state. It may not speak any more, and nothing goes there. What is on it must be gone first, or is given up with it.
CREATE OR REPLACE FUNCTION croft_admin_node_retire(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    v_lost int := 0;
    n nodes;
    v_before jsonb;
BEGIN
    UPDATE node_status SET online = false, alarms = '{}' WHERE node_id = v_id;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('node');
    END IF;
    IF coalesce((p_req->'body'->>'lose_vps')::boolean, false) THEN
        v_lost := croft_lose_all(v_id, NULL);
    END IF;
    n := croft_node_hold(p_req);
    v_before := croft_node_json(n);
    IF n.state = 'retired' THEN
        RETURN (200, croft_node_json(n)::text, croft_node_etag(n), NULL)::croft_answer;
    ELSIF n.used_vps > 0 THEN
        PERFORM croft_raise(409, 'conflict', format('There are %s vps on this node: delete them, or give them up with it (lose_vps).', n.used_vps));
    END IF;
    UPDATE node_certificates SET revoked_at = now() WHERE node_id = v_id AND revoked_at IS NULL;
    UPDATE join_tokens SET expires_at = now() WHERE node_id = v_id AND expires_at > now();
    UPDATE nodes SET state = 'retired' WHERE id = v_id RETURNING * INTO n;
    DELETE FROM node_orphans WHERE node_id = v_id;
    DELETE FROM node_drift WHERE node_id = v_id;
    PERFORM pg_notify('croft_revoke', v_id::text);
    PERFORM croft_changed('node.retired', NULL, 'node', v_id, v_before, to_jsonb(croft_node_json(n)), jsonb_build_object('lost', v_lost));
    RETURN (200, croft_node_json(n)::text, croft_node_etag(n), NULL)::croft_answer;
END
$$;
