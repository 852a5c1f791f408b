-- The two inventories are compared; the difference becomes tasks.

-- The vps of a report, each once, with sane values.
CREATE OR REPLACE FUNCTION croft_inventory_items(p_list jsonb)
RETURNS TABLE (vps uuid, generation bigint, observed text, error jsonb, slot int) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT ON (i.vps) i.vps, i.generation, i.observed,
            CASE jsonb_typeof(i.error) WHEN 'object' THEN jsonb_build_object(
                'code', left(i.error->>'code', 64), 'detail', left(i.error->>'detail', 480)) END,
            CASE WHEN i.slot BETWEEN 0 AND 65534 THEN i.slot END
        FROM jsonb_to_recordset(p_list) i (vps uuid, generation bigint, observed text, error jsonb, slot int)
        WHERE i.vps IS NOT NULL AND i.generation >= 0 AND i.observed IN ('absent', 'stopped', 'running', 'error')
        ORDER BY i.vps, i.generation DESC;
EXCEPTION WHEN data_exception THEN
    PERFORM croft_protocol_error('The inventory is malformed.');
END
$$;

-- Brings the rows of one vps up to what its node says of it (null: nothing, and it should have).
CREATE OR REPLACE FUNCTION croft_observe(v vps, p_observed text, p_generation bigint, p_error jsonb) RETURNS vps
LANGUAGE plpgsql AS $$
DECLARE
    v_reached bigint := v.observed_generation;
    v_error jsonb := v.error;
BEGIN
    IF p_observed IS NULL THEN
        IF v.task_id IS NULL AND v.desired <> 'deleted' AND v.observed_generation > 0 THEN
            p_observed := 'absent';
            v_error := jsonb_build_object('code', 'not_found', 'detail', 'Its node does not have this vps any more.');
        ELSE
            p_observed := v.observed;
        END IF;
    ELSIF p_error IS NOT NULL THEN
        v_error := p_error;
    ELSIF v.task_id IS NULL AND p_generation >= v.generation AND p_observed = croft_wanted(v) THEN
        v_reached := v.generation;
        v_error := NULL;
    END IF;
    IF (p_observed, v_reached, v_error) IS DISTINCT FROM (v.observed, v.observed_generation, v.error) THEN
        UPDATE vps SET observed = p_observed, observed_generation = v_reached, error = v_error WHERE id = v.id RETURNING * INTO v;
    END IF;
    RETURN v;
END
$$;

-- Whether a vps without an open task needs one, after its row was brought up to date. A guest that its owner powered off has
-- reached its generation and is left alone.
CREATE OR REPLACE FUNCTION croft_diverges(v vps, p_observed text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN v.task_id IS NULL AND v.attempts < 5 AND (v.retry_at IS NULL OR v.retry_at <= now())
        AND CASE WHEN v.deleted_at IS NOT NULL THEN coalesce(p_observed, 'absent') <> 'absent'
                 WHEN v.lost_at IS NOT NULL THEN coalesce(p_observed, 'absent') = 'running' -- its addresses are another's by now
                 ELSE v.observed_generation < v.generation END;

-- Applies a report; p_full says that what is not in it is not on the node. Returns how many tasks were made. First every vps is
-- locked, then tasks are added, which locks the node: the order that all others keep.
CREATE OR REPLACE FUNCTION croft_inventory(p_node uuid, p_list jsonb, p_full boolean, p_fresh boolean) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[] := ARRAY(SELECT i.vps FROM croft_inventory_items(p_list) i);
    x record;
    v vps;
    v_due vps[] := '{}';
BEGIN
    IF p_fresh THEN
        -- A link that is new, or a node that has recovered, is a new chance for what rested.
        UPDATE vps SET attempts = 0, retry_at = NULL
        WHERE id IN (SELECT k.id FROM vps k WHERE k.node_id = p_node AND k.attempts > 0 ORDER BY k.id FOR NO KEY UPDATE);
    END IF;
    PERFORM FROM vps k WHERE k.node_id = p_node AND (k.deleted_at IS NULL AND p_full OR k.id = ANY (v_ids))
        ORDER BY k.id FOR NO KEY UPDATE;
    FOR x IN SELECT k AS row, i.* FROM vps k LEFT JOIN croft_inventory_items(p_list) i ON i.vps = k.id
        WHERE k.node_id = p_node AND (k.deleted_at IS NULL AND p_full OR k.id = ANY (v_ids)) ORDER BY k.id
    LOOP
        v := x.row;
        IF v.deleted_at IS NULL AND v.lost_at IS NULL THEN
            v := croft_observe(v, x.observed, x.generation, x.error);
        END IF;
        IF croft_diverges(v, x.observed) THEN
            v_due := v_due || v;
        END IF;
    END LOOP;
    FOREACH v IN ARRAY v_due LOOP
        PERFORM croft_converge(v, 'inventory');
    END LOOP;
    PERFORM croft_orphans(p_node, p_list, p_full);
    RETURN cardinality(v_due);
END
$$;

-- What the node has and no row knows, or one that was given up: reported, never deleted by itself.
CREATE OR REPLACE FUNCTION croft_orphans(p_node uuid, p_list jsonb, p_full boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO node_orphans (node_id, vps_id, observed, generation, slot)
    SELECT p_node, i.vps, i.observed, i.generation, i.slot FROM croft_inventory_items(p_list) i
    WHERE i.observed <> 'absent' AND NOT EXISTS (SELECT FROM vps k
        WHERE k.id = i.vps AND k.node_id = p_node AND (k.lost_at IS NULL OR k.deleted_at IS NOT NULL))
    ORDER BY i.vps LIMIT 10000
    ON CONFLICT (node_id, vps_id) DO UPDATE
    SET observed = excluded.observed, generation = excluded.generation, slot = excluded.slot, last_seen_at = now();
    DELETE FROM node_orphans o WHERE o.node_id = p_node AND (
        p_full AND o.vps_id NOT IN (SELECT i.vps FROM croft_inventory_items(p_list) i WHERE i.observed <> 'absent')
        OR EXISTS (SELECT FROM croft_inventory_items(p_list) i WHERE i.vps = o.vps_id AND i.observed = 'absent')
        OR EXISTS (SELECT FROM vps k WHERE k.id = o.vps_id AND k.node_id = p_node AND (k.lost_at IS NULL OR k.deleted_at IS NOT NULL)));
    -- More than a node can have: those that were not seen for the longest time go, whatever it says.
    DELETE FROM node_orphans WHERE ctid IN (SELECT ctid FROM node_orphans WHERE node_id = p_node
        ORDER BY last_seen_at DESC, vps_id OFFSET 10000);
END
$$;

CREATE OR REPLACE FUNCTION croft_node_inventory(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM croft_fence(p_node, p_epoch);
    RETURN jsonb_build_object('tasks', croft_inventory(p_node, coalesce(p_message->'vps', '[]'),
        coalesce((p_message->>'full')::boolean, false), coalesce((p_message->>'fresh')::boolean, false)));
END
$$;

-- What a node declares of itself. Its range of ids may change only while nobody lives in it.
CREATE OR REPLACE FUNCTION croft_node_declare(p_node uuid, p_facts jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_warnings jsonb := CASE jsonb_typeof(p_facts->'warnings') WHEN 'array' THEN p_facts->'warnings' ELSE '[]' END;
    v_used boolean := EXISTS (SELECT FROM id_ranges r WHERE r.node_id = p_node AND r.vps_id IS NOT NULL);
    v_moved boolean;
BEGIN
    UPDATE nodes n SET capacity_vcpus = (p_facts->>'cpus')::bigint, capacity_memory_bytes = (p_facts->>'memory_bytes')::bigint,
        capacity_disk_bytes = (p_facts->>'disk_bytes')::bigint,
        id_base = CASE WHEN v_used THEN id_base ELSE (p_facts->>'id_base')::bigint END,
        id_count = CASE WHEN v_used THEN id_count ELSE (p_facts->>'id_count')::bigint END
    WHERE id = p_node
    RETURNING n.id_base <> (p_facts->>'id_base')::bigint OR n.id_count <> (p_facts->>'id_count')::bigint INTO v_moved;
    IF v_moved THEN
        v_warnings := v_warnings || '"id_base or id_count changed while ranges are in use: the old ones go on"'::jsonb;
    END IF;
    RETURN v_warnings;
EXCEPTION WHEN check_violation OR data_exception THEN
    PERFORM croft_protocol_error(format('What the node says of itself is out of range (%s).', SQLERRM));
END
$$;

-- The first message of a link: a new epoch, which fences off every older link of the node.
CREATE OR REPLACE FUNCTION croft_node_hello(p_node uuid, p_epoch bigint, p_message jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    f jsonb := coalesce(p_message->'node', '{}');
    v_epoch bigint;
    v_warnings jsonb;
BEGIN
    IF p_node IS DISTINCT FROM croft_node_id() THEN
        PERFORM croft_raise(403, 'forbidden', 'This is another node.');
    END IF;
    UPDATE node_status SET epoch = epoch + 1, online = true, last_seen_at = now() WHERE node_id = p_node
        RETURNING epoch INTO v_epoch;
    PERFORM pg_notify('croft_link', p_node || ' ' || v_epoch);
    PERFORM croft_inventory(p_node, coalesce(p_message->'inventory', '[]'), true, true);
    v_warnings := croft_node_declare(p_node, f);
    UPDATE node_status SET boot = left(p_message->>'boot', 64), agent_version = left(p_message->>'agent', 64),
        kernel = left(f->>'kernel', 128), warnings = v_warnings, disk_free_bytes = (f->>'disk_free_bytes')::bigint,
        pool_bytes = (f->>'pool_bytes')::bigint,
        features = jsonb_strip_nulls(jsonb_build_object('cgroup', f->'cgroup', 'apparmor', f->'apparmor',
            'lxcfs', f->'lxcfs', 'drivers', f->'drivers')),
        images = ARRAY(SELECT jsonb_array_elements_text(coalesce(p_message->'images', '[]')))
    WHERE node_id = p_node;
    PERFORM croft_node_alarms(p_node, p_message->'alarms');
    PERFORM croft_event('node.connected', NULL, 'node', p_node, jsonb_build_object('epoch', v_epoch));
    RETURN jsonb_build_object('epoch', v_epoch);
END
$$;
