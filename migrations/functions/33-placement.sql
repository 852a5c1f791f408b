-- Where a vps goes: every node of the location with what stands against it, the best of those where nothing does first.

-- How full a node is, between 0 and 1: of what may be promised, in memory or disk, whichever is less free.
CREATE OR REPLACE FUNCTION croft_node_load(n nodes) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN greatest(
        n.used_memory_bytes / nullif(croft_sellable(n.capacity_memory_bytes, n.reserve_memory_bytes, n.overcommit_memory_percent), 0),
        n.used_disk_bytes / nullif(croft_sellable(n.capacity_disk_bytes, n.reserve_disk_bytes, n.overcommit_disk_percent), 0));

-- Why not on this node, as far as it and the plan say; the words are those of docs/nodes.md.
CREATE OR REPLACE FUNCTION croft_node_reasons(n nodes, s node_status, p plans_now) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN n.state <> 'active' THEN n.state END,
        -- A link that was cut a moment ago, as by a reload, comes back: the task waits for it. A revoked one does not.
        CASE WHEN s.last_seen_at IS NULL OR s.last_seen_at <= now() - interval '30 seconds'
            OR NOT EXISTS (SELECT FROM node_certificates c WHERE c.node_id = n.id AND c.revoked_at IS NULL AND c.not_after > now())
            THEN 'unreachable' END,
        CASE WHEN NOT n.tags @> p.node_tags OR n.dedicated AND NOT n.tags && p.node_tags THEN 'tags' END,
        CASE WHEN s.alarms ?| '{pool_high_water,pool_read_only,pool_metadata_full}' THEN 'pool' END,
        CASE WHEN n.used_vcpus + p.vcpus > croft_sellable(n.capacity_vcpus, n.reserve_vcpus, n.overcommit_vcpu_percent) THEN 'vcpus' END,
        CASE WHEN n.used_memory_bytes + p.memory_bytes
            > croft_sellable(n.capacity_memory_bytes, n.reserve_memory_bytes, n.overcommit_memory_percent) THEN 'memory' END,
        CASE WHEN n.used_disk_bytes + p.disk_bytes
            > croft_sellable(n.capacity_disk_bytes, n.reserve_disk_bytes, n.overcommit_disk_percent) THEN 'disk' END,
        CASE WHEN n.used_vps >= coalesce(n.id_count, 0) THEN 'ids' END,
        CASE WHEN croft_pools_free(n.location_id, n.id, 4, croft_plan_kind(p, 4)) < p.ipv4_count THEN 'ipv4' END,
        CASE WHEN croft_pools_free(n.location_id, n.id, 6, 'routed') < p.ipv6_count THEN 'ipv6' END], NULL)
$$;

-- The nodes of the location of a vps to be. A snapshot: croft_node_take() decides.
CREATE OR REPLACE FUNCTION croft_candidates(v vps, p plans_now) RETURNS SETOF croft_candidate LANGUAGE sql STABLE AS $$
    WITH mates AS (
        SELECT k.node_id, count(*) AS count FROM vps k
        WHERE k.tenant_id = v.tenant_id AND k.anti_affinity_group = v.anti_affinity_group AND k.deleted_at IS NULL
            AND k.lost_at IS NULL
        GROUP BY k.node_id
    )
    SELECT n.id, n.name, croft_node_reasons(n, s, p)
            || CASE WHEN v.anti_affinity = 'hard' AND m.count > 0 THEN '{anti_affinity}'::text[] ELSE '{}' END,
        row_number() OVER (ORDER BY NOT s.online, coalesce(m.count, 0),
            croft_node_load(n) * CASE l.placement WHEN 'pack' THEN -1 ELSE 1 END,
            n.used_vps * CASE l.placement WHEN 'pack' THEN -1 ELSE 1 END, n.id)
    FROM nodes n JOIN node_status s ON s.node_id = n.id JOIN locations l ON l.id = n.location_id
    LEFT JOIN mates m ON m.node_id = n.id
    WHERE n.location_id = v.location_id
$$;

-- Tries the nodes that fit, one after another; what a node that fails after all had given is rolled back with its locks.
-- Fills node_id, slot, id_base and addresses of the vps to be. One that has a node_id goes there or nowhere.
CREATE OR REPLACE FUNCTION croft_place(v vps, p plans_now) RETURNS vps LANGUAGE plpgsql AS $$
DECLARE
    v_node uuid;
    v_only uuid := v.node_id;
    n nodes;
BEGIN
    IF v.anti_affinity = 'hard' THEN -- one after another, so that each sees where those before it went
        PERFORM pg_advisory_xact_lock(hashtextextended(v.tenant_id || ' ' || v.anti_affinity_group, 0));
    END IF;
    FOR v_node IN SELECT c.node_id FROM croft_candidates(v, p) c
        WHERE (v_only IS NULL OR c.node_id = v_only) AND c.reasons = '{}' ORDER BY c.place
    LOOP
        BEGIN
            n := croft_node_take(v_node, p);
            v.node_id := n.id;
            v.slot := croft_range_take(n.id, v.id);
            v.id_base := n.id_base + v.slot * 65536::bigint;
            v.addresses := croft_addresses_take(n, v.id, 4, p.ipv4_count, croft_plan_kind(p, 4))
                || croft_addresses_take(n, v.id, 6, p.ipv6_count, 'routed');
            RETURN v;
        EXCEPTION WHEN SQLSTATE 'CR409' THEN
            v.node_id := NULL;
        END;
    END LOOP;
    v.node_id := v_only;
    PERFORM croft_place_refuse(v, p);
END
$$;

-- How often each reason stands against a node, as text: "memory on 3, draining on 1".
CREATE OR REPLACE FUNCTION croft_reasons_counted(c croft_candidate[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('%s on %s', r.reason, r.count), ', ' ORDER BY r.count DESC, r.reason)
    FROM (SELECT reason, count(*) FROM unnest(c) x, unnest(x.reasons) reason GROUP BY reason) r
$$;

-- Names of plans on offer to the tenant of the context that would still go somewhere in the location of the vps, the largest first.
CREATE OR REPLACE FUNCTION croft_plans_fit(v vps, p_count int) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT p.name FROM plans_offered p
        WHERE p.active AND (p.location_ids IS NULL OR v.location_id = ANY (p.location_ids))
            AND EXISTS (SELECT FROM croft_candidates(v, ROW(p.*)::plans_now) c WHERE c.reasons = '{}')
        ORDER BY p.memory_bytes DESC, p.disk_bytes DESC, p.name LIMIT p_count)
$$;

-- Says why there is no place: staff learn of each reason on how many nodes, a tenant what would go there.
CREATE OR REPLACE FUNCTION croft_place_refuse(v vps, p plans_now) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_all croft_candidate[] := ARRAY(SELECT c FROM croft_candidates(v, p) c WHERE v.node_id IS NULL OR c.node_id = v.node_id);
    v_nodes int := cardinality(v_all);
    v_fit text[];
    v_more text := '';
BEGIN
    IF croft_is_staff() THEN
        v_more := format(' Nodes: %s; %s.', v_nodes, coalesce(croft_reasons_counted(v_all), 'none stands against'));
    END IF;
    IF EXISTS (SELECT FROM unnest(v_all) c WHERE c.reasons <@ '{ipv4,ipv6}') THEN
        PERFORM croft_raise(409, 'pool_exhausted', format('The addresses of this location are used up: %s IPv4 and %s IPv6 asked%s.%s',
            p.ipv4_count, p.ipv6_count, coalesce(nullif(croft_next_free(v.location_id, v.node_id, 4, croft_plan_kind(p, 4)), ''),
            croft_next_free(v.location_id, v.node_id, 6, 'routed')), v_more));
    ELSIF v.node_id IS NOT NULL THEN
        PERFORM croft_raise(409, 'no_capacity', 'The node of the source has no room for another one of this plan.' || v_more);
    ELSIF EXISTS (SELECT FROM unnest(v_all) c WHERE c.reasons = '{anti_affinity}') THEN
        PERFORM croft_raise(409, 'no_capacity', format('Every node with room for it has a vps of the group %s already.%s',
            v.anti_affinity_group, v_more), '/anti_affinity_group');
    END IF;
    v_fit := croft_plans_fit(v, 5);
    PERFORM croft_raise(409, 'no_capacity', format('No node of this location that is online has room for %s vCPU, %s of memory '
        'and %s of disk.%s%s', p.vcpus, pg_size_pretty(p.memory_bytes), pg_size_pretty(p.disk_bytes),
        CASE WHEN v_fit <> '{}' THEN format(' What would go there: %s.', array_to_string(v_fit, ', ')) END, v_more));
END
$$;

-- How many more of a plan go onto a node: what is left, in whole ones, of what runs out first.
CREATE OR REPLACE FUNCTION croft_node_left(n nodes, p plans_now) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN greatest(0, least(n.id_count - n.used_vps,
        floor((croft_sellable(n.capacity_vcpus, n.reserve_vcpus, n.overcommit_vcpu_percent) - n.used_vcpus) / p.vcpus),
        floor((croft_sellable(n.capacity_memory_bytes, n.reserve_memory_bytes, n.overcommit_memory_percent) - n.used_memory_bytes) / p.memory_bytes),
        floor((croft_sellable(n.capacity_disk_bytes, n.reserve_disk_bytes, n.overcommit_disk_percent) - n.used_disk_bytes) / p.disk_bytes)))::bigint;

-- Where the next vps of a plan would go in a location, why there, and how many more each node takes.
CREATE OR REPLACE FUNCTION croft_placement_json(v vps, p plans_now) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('location_id', l.id, 'plan_id', p.id, 'placement', l.placement,
        'node_id', (SELECT c.node_id FROM croft_candidates(v, p) c WHERE c.reasons = '{}' ORDER BY c.place LIMIT 1),
        'nodes', (SELECT coalesce(json_agg(json_build_object('node_id', c.node_id, 'name', c.name, 'reasons', c.reasons,
                'count', CASE WHEN c.reasons = '{}' THEN croft_node_left(n, p) ELSE 0 END) ORDER BY c.reasons <> '{}', c.place), '[]')
            FROM croft_candidates(v, p) c JOIN nodes n ON n.id = c.node_id))
    FROM locations l WHERE l.id = v.location_id
$$;

-- The same as an answer; the tenant, if one is named, counts with the group that is asked for.
CREATE OR REPLACE FUNCTION croft_placement_ask(p_query jsonb) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    v vps;
    p plans_now;
BEGIN
    SELECT * INTO p FROM plans_now WHERE id = (p_query->>'plan_id')::uuid;
    IF NOT FOUND THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such plan.', '/plan_id');
    ELSIF NOT EXISTS (SELECT FROM locations WHERE id = (p_query->>'location_id')::uuid) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such location.', '/location_id');
    END IF;
    v.location_id := (p_query->>'location_id')::uuid;
    v.tenant_id := (p_query->>'tenant_id')::uuid;
    v.anti_affinity_group := p_query->>'anti_affinity_group';
    v.anti_affinity := CASE WHEN v.anti_affinity_group IS NOT NULL THEN 'hard' END;
    RETURN croft_placement_json(v, p);
END
$$;
