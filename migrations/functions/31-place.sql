-- What a vps takes where it goes: room on a node, a free range of ids there, addresses that reach it. Where it goes: 33-placement.sql.

-- How many addresses of a pool can be given now: not those that were freed a moment ago. IPv6 has rows only for what was given once.
CREATE OR REPLACE FUNCTION croft_pool_available(p pools) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p.quarantine_s = 0 THEN p.size - p.used
        WHEN p.family = 4 THEN p.size - p.used - (SELECT count(*) FROM addresses a WHERE a.pool_id = p.id AND a.vps_id IS NULL
            AND a.freed_at > now() - make_interval(secs => p.quarantine_s))
        ELSE least(p.size - p.used, p.size + 2 - p.next_host + (SELECT count(*) FROM addresses a WHERE a.pool_id = p.id AND a.vps_id IS NULL
            AND a.freed_at <= now() - make_interval(secs => p.quarantine_s))) END
$$;

-- Which pools an address of this family comes from.
CREATE OR REPLACE FUNCTION croft_pools_of(p_location uuid, p_node uuid, p_family int, p_kind text) RETURNS SETOF pools LANGUAGE sql STABLE AS $$
    SELECT p.* FROM pools p WHERE p.location_id = p_location AND (p.node_id IS NULL OR p.node_id = p_node) AND p.family = p_family
        AND p.kind = p_kind
$$;

CREATE OR REPLACE FUNCTION croft_pools_free(p_location uuid, p_node uuid, p_family int, p_kind text) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(croft_pool_available(p)), 0) FROM croft_pools_of(p_location, p_node, p_family, p_kind) p);
END
$$;

-- IPv6 is plentiful: only IPv4 is shared.
CREATE OR REPLACE FUNCTION croft_plan_kind(p plans_now, p_family int) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN p.private_ipv4 AND p_family = 4 THEN 'private' ELSE 'routed' END;

-- ", the next one is on …" when freed ones still wait.
CREATE OR REPLACE FUNCTION croft_next_free(p_location uuid, p_node uuid, p_family int, p_kind text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce('; the next one can be given from ' || to_char(min(a.freed_at + make_interval(secs => p.quarantine_s)) AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')
    FROM croft_pools_of(p_location, p_node, p_family, p_kind) p JOIN addresses a ON a.pool_id = p.id
    WHERE a.vps_id IS NULL AND a.freed_at > now() - make_interval(secs => p.quarantine_s)
$$;

-- Takes room on the node, if it still has it.
CREATE OR REPLACE FUNCTION croft_node_take(p_node uuid, p plans_now) RETURNS nodes LANGUAGE plpgsql AS $$
DECLARE
    n nodes;
BEGIN
    UPDATE nodes x SET used_vcpus = x.used_vcpus + p.vcpus, used_memory_bytes = x.used_memory_bytes + p.memory_bytes,
        used_disk_bytes = x.used_disk_bytes + p.disk_bytes, used_vps = x.used_vps + 1
    WHERE x.id = p_node AND x.state = 'active' AND x.used_vps < x.id_count
    RETURNING * INTO n;
    IF NOT FOUND THEN
        PERFORM croft_raise(409, 'no_capacity', 'The node takes no more vps.');
    END IF;
    RETURN n;
END
$$;

-- The smallest free range of 65,536 ids on the node, whose row the caller has locked. The vps is written later in
-- the same transaction.
CREATE OR REPLACE FUNCTION croft_range_take(p_node uuid, p_vps uuid) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_slot int;
BEGIN
    UPDATE id_ranges SET vps_id = p_vps WHERE node_id = p_node AND slot = (
        SELECT r.slot FROM id_ranges r WHERE r.node_id = p_node AND r.vps_id IS NULL ORDER BY r.slot LIMIT 1 FOR UPDATE)
        AND vps_id IS NULL
    RETURNING slot INTO v_slot;
    IF NOT FOUND THEN
        UPDATE nodes SET next_slot = next_slot + 1 WHERE id = p_node AND next_slot < id_count
            RETURNING next_slot - 1 INTO v_slot;
        IF NOT FOUND THEN
            PERFORM croft_raise(409, 'no_capacity', 'The node has no free range of ids.');
        END IF;
        INSERT INTO id_ranges (node_id, slot, vps_id) VALUES (p_node, v_slot, p_vps);
    END IF;
    RETURN v_slot;
END
$$;

-- Marks p_count addresses of one pool, whose row is locked and has as many, as the vps's.
CREATE OR REPLACE FUNCTION croft_pool_give(p pools, p_count int, p_vps uuid) RETURNS SETOF inet LANGUAGE plpgsql AS $$
DECLARE
    v_given int;
BEGIN
    RETURN QUERY UPDATE addresses a SET vps_id = p_vps WHERE a.vps_id IS NULL AND a.address = ANY (ARRAY(
            SELECT f.address FROM addresses f WHERE f.pool_id = p.id AND f.vps_id IS NULL AND NOT f.reserved
                AND (f.freed_at IS NULL OR f.freed_at <= now() - make_interval(secs => p.quarantine_s))
            ORDER BY f.address LIMIT p_count FOR UPDATE))
        RETURNING a.address;
    GET DIAGNOSTICS v_given = ROW_COUNT;
    IF p.family = 6 AND v_given < p_count THEN
        RETURN QUERY INSERT INTO addresses (address, pool_id, vps_id)
            SELECT set_masklen(p.cidr::inet, 128) + (p.next_host + i)::bigint, p.id, p_vps
            FROM generate_series(0, p_count - v_given - 1) i
            RETURNING address;
        UPDATE pools SET next_host = next_host + p_count - v_given WHERE id = p.id;
    END IF;
END
$$;

-- Takes addresses of one family that reach the node: from its own pools first, then from those of its location.
CREATE OR REPLACE FUNCTION croft_addresses_take(n nodes, p_vps uuid, p_family int, p_count int, p_kind text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    v_all inet[] := '{}';
    v_missing int := p_count;
    v_take int;
    p pools;
BEGIN
    FOR p IN SELECT x.* FROM pools x
        WHERE x.location_id = n.location_id AND (x.node_id IS NULL OR x.node_id = n.id) AND x.family = p_family
            AND x.kind = p_kind AND x.used < x.size AND p_count > 0
        ORDER BY x.node_id IS NULL, x.id FOR NO KEY UPDATE
    LOOP
        EXIT WHEN v_missing = 0;
        v_take := least(v_missing, croft_pool_available(p));
        CONTINUE WHEN v_take <= 0;
        UPDATE pools SET used = used + v_take WHERE id = p.id;
        v_all := v_all || ARRAY(SELECT croft_pool_give(p, v_take, p_vps));
        v_missing := v_missing - v_take;
    END LOOP;
    IF v_missing > 0 THEN
        PERFORM croft_raise(409, 'pool_exhausted', format('No %s IPv%s address is free in this location%s.', p_kind, p_family,
            croft_next_free(n.location_id, n.id, p_family, p_kind)));
    END IF;
    RETURN coalesce((SELECT jsonb_agg(jsonb_build_object('address', host(a), 'family', p_family,
            'kind', p_kind, 'prefix_length', masklen(a), 'gateway', CASE p_family WHEN 4 THEN '169.254.0.1' ELSE 'fe80::1' END) ORDER BY a)
        FROM unnest(v_all) a), '[]');
END
$$;

-- Gives back all that a vps holds, once it is known to be gone or is given up. What it has of its network beside addresses ends with
-- it: croft_network_release().
CREATE OR REPLACE FUNCTION croft_release(v vps) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_resources text[];
    v_amounts bigint[];
BEGIN
    v := croft_vps_held(v);
    SELECT array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource) INTO v_resources, v_amounts
        FROM croft_vps_amounts(v) a;
    PERFORM croft_quota_move(v.tenant_id, v_resources, v_amounts, -1);
    UPDATE nodes SET used_vcpus = used_vcpus - v.vcpus, used_memory_bytes = used_memory_bytes - v.memory_bytes,
        used_disk_bytes = used_disk_bytes - v.disk_bytes, used_vps = used_vps - 1 WHERE id = v.node_id;
    UPDATE id_ranges SET vps_id = NULL WHERE vps_id = v.id;
    -- Pools in the order in which croft_addresses_take() locks them.
    PERFORM FROM pools p WHERE p.id IN (SELECT a.pool_id FROM addresses a WHERE a.vps_id = v.id)
        ORDER BY p.family, p.node_id IS NULL, p.id FOR NO KEY UPDATE;
    WITH freed AS (UPDATE addresses SET vps_id = NULL, release_generation = NULL WHERE vps_id = v.id RETURNING pool_id)
    UPDATE pools p SET used = p.used - f.count FROM (SELECT pool_id, count(*) FROM freed GROUP BY pool_id) f WHERE p.id = f.pool_id;
END
$$;
