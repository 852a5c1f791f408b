-- What a node has and should not: vps of which there is no row (orphans), and remains of which there is not even a record on the node
-- (drift). Both are reported, and nothing happens to them until an operator chooses.

-- A free range of ids of the node, of which p_slot is the number, for a vps that has it already. Null: it is somebody else's.
CREATE OR REPLACE FUNCTION croft_range_claim(n nodes, p_slot int, p_vps uuid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_slot int;
BEGIN
    IF p_slot IS NULL OR p_slot >= n.id_count THEN
        RETURN NULL;
    END IF;
    INSERT INTO id_ranges AS r (node_id, slot, vps_id) VALUES (n.id, p_slot, p_vps)
        ON CONFLICT (node_id, slot) DO UPDATE SET vps_id = excluded.vps_id WHERE r.vps_id IS NULL OR r.vps_id = p_vps
        RETURNING slot INTO v_slot;
    IF FOUND AND p_slot >= n.next_slot THEN
        -- Those between were never given: they are free.
        INSERT INTO id_ranges (node_id, slot) SELECT n.id, s FROM generate_series(n.next_slot, p_slot - 1) s ON CONFLICT DO NOTHING;
        UPDATE nodes SET next_slot = p_slot + 1 WHERE id = n.id;
    END IF;
    RETURN v_slot;
END
$$;

-- The orphan that the body names. Its node's reports wait until this is over; the vps row is locked, if there is one after all.
CREATE OR REPLACE FUNCTION croft_orphan_hold(p_req jsonb) RETURNS node_orphans LANGUAGE plpgsql AS $$
DECLARE
    o node_orphans;
BEGIN
    PERFORM croft_tenant_hold((p_req->'body'->>'tenant_id')::uuid);
    PERFORM FROM node_status WHERE node_id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    PERFORM FROM vps WHERE id = (p_req->'body'->>'vps_id')::uuid FOR NO KEY UPDATE;
    SELECT * INTO o FROM node_orphans WHERE node_id = (p_req->>'id')::uuid AND vps_id = (p_req->'body'->>'vps_id')::uuid;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('orphan on this node');
    ELSIF EXISTS (SELECT FROM vps v WHERE v.id = o.vps_id AND v.node_id <> o.node_id) THEN
        PERFORM croft_raise(409, 'conflict', 'There is a vps with this id on another node: this is an old copy of it, to be removed by hand.');
    END IF;
    RETURN o;
END
$$;

-- Makes the orphan what the database says is deleted: the node is told so, as of any vps that is.
CREATE OR REPLACE FUNCTION croft_admin_orphan_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    o node_orphans := croft_orphan_hold(p_req);
    n nodes;
    v vps;
    t tasks;
    v_slot int;
BEGIN
    SELECT * INTO v FROM vps WHERE id = o.vps_id;
    IF FOUND THEN
        UPDATE vps SET desired = 'deleted', generation = greatest(generation, o.generation) + 1 WHERE id = v.id RETURNING * INTO v;
    ELSE
        n := croft_node_hold(p_req);
        -- A number of its own, if what the node says is another's by now: the guest's device goes with it.
        v_slot := coalesce(croft_range_claim(n, o.slot, o.vps_id), croft_range_take(n.id, o.vps_id));
        INSERT INTO vps (id, tenant_id, name, location_id, node_id, desired, generation, vcpus, memory_bytes, swap_bytes, disk_bytes, pids,
            ipv4_count, ipv6_count, slot, id_base, hostname, deleted_at)
        VALUES (o.vps_id, croft_root(), 'orphan', n.location_id, n.id, 'deleted', o.generation + 1, 1, 16777216, 0, 16777216, 16,
            0, 0, v_slot, n.id_base + v_slot * 65536::bigint, 'orphan', now())
        RETURNING * INTO v;
    END IF;
    t := croft_task_add(v, 'vps_delete');
    UPDATE vps SET task_id = t.id WHERE id = v.id;
    PERFORM croft_changed('node.orphan_deleted', NULL, 'node', o.node_id, croft_orphan_json(o)::jsonb, NULL, jsonb_build_object('task_id', t.id));
    RETURN (202, croft_task_json(t)::text, NULL, NULL)::croft_answer;
END
$$;

-- Addresses, as many of each family and kind as it had when it was given up.
CREATE OR REPLACE FUNCTION croft_addresses_again(n nodes, v vps) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    x record;
    v_all jsonb := '[]';
BEGIN
    -- All at once, in the order of croft_release(): the kinds of one family lie in it anyhow.
    PERFORM FROM pools p WHERE p.location_id = n.location_id AND (p.node_id IS NULL OR p.node_id = n.id)
        ORDER BY p.family, p.node_id IS NULL, p.id FOR NO KEY UPDATE;
    FOR x IN SELECT (a->>'family')::int AS family, coalesce(a->>'kind', 'routed') AS kind, count(*)::int AS count
        FROM jsonb_array_elements(v.lost_addresses) a GROUP BY 1, 2 ORDER BY 1, 2 DESC
    LOOP
        v_all := v_all || croft_addresses_take(n, v.id, x.family, x.count, x.kind);
    END LOOP;
    RETURN v_all;
END
$$;

-- Takes back what was given up: its row is there, with what it was sold with, its firewall, its ports and its networks.
CREATE OR REPLACE FUNCTION croft_orphan_recover(o node_orphans, v vps) RETURNS vps LANGUAGE plpgsql AS $$
DECLARE
    p plans_now;
    n nodes;
BEGIN
    p.vcpus := v.vcpus;
    p.memory_bytes := v.memory_bytes;
    p.disk_bytes := v.disk_bytes;
    PERFORM croft_quota_move(v.tenant_id, array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource), 1)
        FROM croft_vps_amounts(v) a;
    n := croft_node_take(v.node_id, p);
    v.addresses := croft_addresses_again(n, v);
    UPDATE vps SET lost_at = NULL, lost_addresses = NULL, error = NULL, addresses = v.addresses, observed = o.observed,
        generation = greatest(generation, o.generation) + 1, attempts = 0
    WHERE id = v.id RETURNING * INTO v;
    RETURN v;
END
$$;

-- Makes a row for the tenant that is named, of the plan that is named, which takes its quota: from then on it is a vps like any
-- other. Its disk, its range of ids and its host-side device stay; addresses are new.
CREATE OR REPLACE FUNCTION croft_orphan_take_in(o node_orphans, b jsonb) RETURNS vps LANGUAGE plpgsql AS $$
DECLARE
    p plans_now;
    v vps;
    n nodes;
    i images;
BEGIN
    SELECT * INTO p FROM plans_now WHERE id = (b->>'plan_id')::uuid;
    -- One that the tenant might make a vps from; it stays as long as the vps may need it.
    SELECT * INTO i FROM images WHERE id = (b->>'image_id')::uuid AND deleted_at IS NULL AND state = 'ready'
        AND (tenant_id IS NULL OR tenant_id = (b->>'tenant_id')::uuid) FOR KEY SHARE;
    PERFORM croft_raise(422, 'invalid_value', 'Of an orphan that nobody knows, tenant, plan, image and name must be said.', '/' || x.name)
        FROM (VALUES ('tenant_id', EXISTS (SELECT FROM tenants WHERE id = (b->>'tenant_id')::uuid)),
            ('plan_id', p.id IS NOT NULL), ('image_id', i.id IS NOT NULL), ('name', b->>'name' IS NOT NULL)) x (name, said) WHERE NOT x.said;
    IF o.slot IS NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The node has no record of it: it can only be deleted.');
    END IF;
    v.tenant_id := (b->>'tenant_id')::uuid;
    v.desired := CASE o.observed WHEN 'running' THEN 'running' ELSE 'stopped' END;
    v.vcpus := p.vcpus; v.memory_bytes := p.memory_bytes; v.disk_bytes := p.disk_bytes;
    v.ipv4_count := p.ipv4_count; v.ipv6_count := p.ipv6_count;
    PERFORM croft_quota_move(v.tenant_id, array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource), 1)
        FROM croft_vps_amounts(v) a;
    PERFORM croft_vps_name_free(v.tenant_id, b->>'name');
    n := croft_node_take(o.node_id, p);
    IF croft_range_claim(n, o.slot, o.vps_id) IS NULL THEN
        PERFORM croft_raise(409, 'conflict', 'Its range of ids is another vps''s by now: it can only be deleted.');
    END IF;
    v.addresses := croft_addresses_take(n, o.vps_id, 4, p.ipv4_count, croft_plan_kind(p, 4))
        || croft_addresses_take(n, o.vps_id, 6, p.ipv6_count, 'routed');
    INSERT INTO vps (id, tenant_id, name, plan_id, plan_version, image_id, location_id, node_id, desired, observed, generation, vcpus,
        memory_bytes, swap_bytes, disk_bytes, pids, ipv4_count, ipv6_count, net_rate_bps, io_bps, iops, tun, fuse, nesting, slot, id_base,
        addresses, hostname)
    VALUES (o.vps_id, v.tenant_id, b->>'name', p.id, p.number, i.id, n.location_id, n.id, v.desired, o.observed, o.generation + 1, p.vcpus,
        p.memory_bytes, p.swap_bytes, p.disk_bytes, p.pids, p.ipv4_count, p.ipv6_count, p.net_rate_bps, p.io_bps, p.iops,
        p.tun, p.fuse, p.nesting, o.slot, n.id_base + o.slot * 65536::bigint, v.addresses, b->>'name')
    RETURNING * INTO v;
    RETURN v;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_orphan_adopt(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    o node_orphans := croft_orphan_hold(p_req);
    v vps;
    t tasks;
    v_before jsonb;
    v_lost jsonb;
BEGIN
    SELECT * INTO v FROM vps WHERE id = o.vps_id;
    IF NOT FOUND THEN
        v := croft_orphan_take_in(o, p_req->'body');
    ELSIF v.deleted_at IS NOT NULL OR v.desired = 'deleted' THEN
        PERFORM croft_raise(409, 'conflict', 'Its owner has deleted it: it goes as soon as its node is told.');
    ELSE
        v_before := v.body;
        v_lost := v.lost_addresses; -- it gets others, and they have no names yet
        v := croft_orphan_recover(o, v);
    END IF;
    t := croft_task_add(v, 'vps_update');
    UPDATE vps SET task_id = t.id WHERE id = v.id RETURNING * INTO v;
    DELETE FROM node_orphans WHERE node_id = o.node_id AND vps_id = o.vps_id;
    PERFORM croft_changed('vps.adopted', v.tenant_id, 'vps', v.id, v_before, v.body::jsonb,
        jsonb_strip_nulls(jsonb_build_object('task_id', t.id, 'not_restored', v_lost)));
    RETURN croft_accepted(t, v);
END
$$;

-- ---- Drift

-- All that a sweep found; what it no longer finds is forgotten. Answers with what an operator ordered to be removed.
CREATE OR REPLACE FUNCTION croft_node_drift(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_items jsonb := coalesce(p_message->'items', '[]');
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    DELETE FROM node_drift d WHERE d.node_id = p_node AND NOT EXISTS (SELECT FROM jsonb_array_elements(v_items) i
        WHERE i->>'kind' = d.kind AND i->>'name' = d.name);
    INSERT INTO node_drift (node_id, kind, name, detail, error)
    SELECT DISTINCT ON (i->>'kind', i->>'name') p_node, i->>'kind', i->>'name', coalesce(i->>'detail', ''), i->>'error'
        FROM jsonb_array_elements(v_items) i ORDER BY i->>'kind', i->>'name' LIMIT 1000
    ON CONFLICT (node_id, kind, name) DO UPDATE
    SET detail = excluded.detail, error = excluded.error, last_seen_at = now();
    RETURN jsonb_build_object('type', 'drift_clean', 'items', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', d.kind,
            'name', d.name) ORDER BY d.kind, d.name), '[]')
        FROM node_drift d WHERE d.node_id = p_node AND d.clean_ordered_at IS NOT NULL));
EXCEPTION WHEN check_violation OR data_exception OR not_null_violation THEN
    PERFORM croft_protocol_error('The drift is malformed.');
END
$$;

-- The alarms of what is found, raised after it was seen for two minutes: what is being made or removed right now is none.
CREATE OR REPLACE FUNCTION croft_drift_alarms() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    x record;
BEGIN
    FOR x IN SELECT s.node_id, d.count AS drift, o.count AS orphans FROM node_status s,
            LATERAL (SELECT count(*) FROM node_drift y WHERE y.node_id = s.node_id AND y.first_seen_at < now() - interval '2 minutes') d,
            LATERAL (SELECT count(*) FROM node_orphans y WHERE y.node_id = s.node_id AND y.first_seen_at < now() - interval '2 minutes') o
        WHERE (s.alarms ? 'drift') <> (d.count > 0) OR (s.alarms ? 'orphans') <> (o.count > 0)
        ORDER BY s.node_id FOR NO KEY UPDATE OF s SKIP LOCKED
    LOOP
        PERFORM croft_alarms_set(x.node_id,
            CASE WHEN x.drift > 0 THEN jsonb_build_object('drift', format('%s things on it belong to no vps.', x.drift)) ELSE '{}' END
            || CASE WHEN x.orphans > 0 THEN jsonb_build_object('orphans', format('%s vps on it are in no list.', x.orphans)) ELSE '{}' END,
            '{drift,orphans}');
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_drift_clean(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    d node_drift;
    v_before jsonb;
BEGIN
    SELECT * INTO d FROM node_drift WHERE node_id = (p_req->>'id')::uuid AND kind = b->>'kind' AND name = b->>'name' FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('thing on this node');
    END IF;
    v_before := croft_drift_json(d);
    UPDATE node_drift SET clean_ordered_at = coalesce(clean_ordered_at, now())
        WHERE node_id = d.node_id AND kind = d.kind AND name = d.name RETURNING * INTO d;
    PERFORM croft_changed('node.drift_clean_ordered', NULL, 'node', d.node_id, v_before, croft_drift_json(d)::jsonb,
        jsonb_build_object('kind', d.kind, 'name', d.name));
    RETURN (202, croft_drift_json(d)::text, NULL, NULL)::croft_answer;
END
$$;
