-- A vps given another plan, and more or fewer addresses, while it lives. What grows is taken before the node is told; what
-- shrinks is given back once the node has done it.

-- What a resize moves: the columns, as of a plan.
CREATE OR REPLACE FUNCTION croft_plan_columns(p plans_now) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('plan_id', p.id, 'plan_version', p.number, 'vcpus', p.vcpus, 'memory_bytes', p.memory_bytes, 'swap_bytes', p.swap_bytes,
        'disk_bytes', p.disk_bytes, 'pids', p.pids, 'net_rate_bps', p.net_rate_bps, 'io_bps', p.io_bps, 'iops', p.iops,
        'tun', p.tun, 'fuse', p.fuse, 'nesting', p.nesting);

CREATE OR REPLACE FUNCTION croft_resize_columns(v vps) RETURNS jsonb LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('plan_id', v.plan_id, 'plan_version', v.plan_version, 'vcpus', v.vcpus, 'memory_bytes', v.memory_bytes, 'swap_bytes', v.swap_bytes,
        'disk_bytes', v.disk_bytes, 'pids', v.pids, 'net_rate_bps', v.net_rate_bps, 'io_bps', v.io_bps, 'iops', v.iops,
        'tun', v.tun, 'fuse', v.fuse, 'nesting', v.nesting);

-- While a resize is under way the larger of each amount is held.
CREATE OR REPLACE FUNCTION croft_vps_held(v vps) RETURNS vps LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF v.resize IS NOT NULL THEN
        v.vcpus := greatest(v.vcpus, (v.resize->>'vcpus')::int);
        v.memory_bytes := greatest(v.memory_bytes, (v.resize->>'memory_bytes')::bigint);
        v.disk_bytes := greatest(v.disk_bytes, (v.resize->>'disk_bytes')::bigint);
    END IF;
    RETURN v;
END
$$;

-- Moves quota and node capacity by the difference between two sets of columns, so far as p_to is larger. p_sign +1 takes it, -1
-- gives it back.
CREATE OR REPLACE FUNCTION croft_resize_move(v vps, p_from jsonb, p_to jsonb, p_sign int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_vcpus bigint := greatest((p_to->>'vcpus')::bigint - (p_from->>'vcpus')::bigint, 0);
    v_memory bigint := greatest((p_to->>'memory_bytes')::bigint - (p_from->>'memory_bytes')::bigint, 0);
    v_disk bigint := greatest((p_to->>'disk_bytes')::bigint - (p_from->>'disk_bytes')::bigint, 0);
    v_resources text[];
    v_amounts bigint[];
BEGIN
    SELECT array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource) INTO v_resources, v_amounts
        FROM (VALUES ('vcpus', v_vcpus), ('memory_bytes', v_memory), ('disk_bytes', v_disk)) a (resource, amount)
        WHERE a.amount > 0;
    IF v_resources IS NULL THEN
        RETURN;
    END IF;
    PERFORM croft_quota_move(v.tenant_id, v_resources, v_amounts, p_sign);
    UPDATE nodes SET used_vcpus = used_vcpus + p_sign * v_vcpus, used_memory_bytes = used_memory_bytes + p_sign * v_memory,
        used_disk_bytes = used_disk_bytes + p_sign * v_disk WHERE id = v.node_id;
END
$$;

-- The columns of c in the row, and whether a resize is under way.
CREATE OR REPLACE FUNCTION croft_resize_put(v vps, c jsonb) RETURNS vps LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    v.plan_id := (c->>'plan_id')::uuid;
    v.plan_version := (c->>'plan_version')::int;
    v.vcpus := (c->>'vcpus')::int;
    v.memory_bytes := (c->>'memory_bytes')::bigint;
    v.swap_bytes := (c->>'swap_bytes')::bigint;
    v.disk_bytes := (c->>'disk_bytes')::bigint;
    v.pids := (c->>'pids')::bigint;
    v.net_rate_bps := (c->>'net_rate_bps')::bigint;
    v.io_bps := (c->>'io_bps')::bigint;
    v.iops := (c->>'iops')::bigint;
    v.tun := (c->>'tun')::boolean;
    v.fuse := (c->>'fuse')::boolean;
    v.nesting := (c->>'nesting')::boolean;
    RETURN v;
END
$$;

CREATE OR REPLACE FUNCTION croft_resize_save(v vps) RETURNS vps LANGUAGE plpgsql AS $$
BEGIN
    UPDATE vps SET plan_id = v.plan_id, plan_version = v.plan_version, vcpus = v.vcpus, memory_bytes = v.memory_bytes, swap_bytes = v.swap_bytes,
        disk_bytes = v.disk_bytes, pids = v.pids, net_rate_bps = v.net_rate_bps, io_bps = v.io_bps, iops = v.iops, tun = v.tun,
        fuse = v.fuse, nesting = v.nesting, resize = v.resize, generation = v.generation
    WHERE id = v.id RETURNING * INTO v;
    RETURN v;
END
$$;

CREATE OR REPLACE FUNCTION croft_resize_check(v vps, p plans_now) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_min bigint := (SELECT i.min_disk_bytes FROM images i WHERE i.id = v.image_id);
BEGIN
    IF p.id = v.plan_id AND p.number = v.plan_version THEN
        PERFORM croft_raise(422, 'invalid_value', 'The vps has this plan.', '/plan_id');
    ELSIF v.location_id <> ALL (p.location_ids) THEN
        PERFORM croft_raise(422, 'invalid_value', 'This plan is not sold where the vps is.', '/plan_id');
    ELSIF v_min > p.disk_bytes THEN
        PERFORM croft_raise(422, 'invalid_value', format('The image of this vps needs a disk of %s, the plan has %s.',
            pg_size_pretty(v_min), pg_size_pretty(p.disk_bytes)), '/plan_id');
    END IF;
END
$$;

-- Whether a plan gives more of anything, or costs more, than what the vps was sold with.
CREATE OR REPLACE FUNCTION croft_resize_grows(v vps, p plans_now) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p.vcpus > v.vcpus OR p.memory_bytes > v.memory_bytes OR p.swap_bytes > v.swap_bytes OR p.disk_bytes > v.disk_bytes
        OR EXISTS (SELECT FROM plan_versions o WHERE o.plan_id = v.plan_id AND o.number = v.plan_version
            AND (p.traffic_bytes > o.traffic_bytes OR p.price_month > o.price_month OR p.price_hour > o.price_hour))
$$;

CREATE OR REPLACE FUNCTION croft_vps_resize(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer;
    v_old vps;
    v vps;
    p plans_now;
BEGIN
    IF croft_is_dry(p_req) THEN
        RETURN croft_dry_run('croft_vps_resize', p_req);
    END IF;
    a := croft_idempotency_begin(p_req);
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_old := croft_order_begin(p_req, 'resize');
    p := croft_vps_plan(p_req->'body');
    PERFORM croft_resize_check(v_old, p);
    IF croft_resize_grows(v_old, p) THEN
        PERFORM croft_prepaid_check(v_old.tenant_id);
    END IF;
    PERFORM croft_resize_move(v_old, croft_resize_columns(v_old), croft_plan_columns(p), 1);
    v := croft_resize_put(v_old, croft_plan_columns(p));
    a := croft_order(v_old, v, 'vps_update', 'vps.resized', '{"fit":true}', croft_vps_before(v_old));
    UPDATE vps SET resize = croft_resize_columns(v_old) || jsonb_build_object('task_id', task_id) WHERE id = v.id RETURNING * INTO v;
    v := croft_resize_put(v, croft_plan_columns(p));
    v := croft_resize_save(v);
    RETURN croft_idempotency_end(p_req, croft_accepted((SELECT t FROM tasks t WHERE t.id = v.task_id), v));
END
$$;

-- The node has done it: what shrank is free.
CREATE OR REPLACE FUNCTION croft_resize_done(v vps) RETURNS vps LANGUAGE plpgsql AS $$
BEGIN
    PERFORM croft_resize_move(v, croft_resize_columns(v), v.resize, -1);
    v.resize := NULL;
    RETURN croft_resize_save(v);
END
$$;

-- The node could not, or was not to: everything is as before, also on the node, which may have done half of it.
CREATE OR REPLACE FUNCTION croft_resize_revert(v vps, p_error jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_new jsonb := croft_resize_columns(v);
    v_old jsonb := v.resize;
    v_open uuid := croft_open_task(v.id);
BEGIN
    PERFORM croft_resize_move(v, v_old, v_new, -1);
    v := croft_resize_put(v, v_old);
    v.resize := NULL;
    IF v.desired <> 'deleted' THEN
        v.generation := v.generation + 1;
    END IF;
    v := croft_resize_save(v);
    PERFORM croft_event('vps.resize_reverted', v.tenant_id, 'vps', v.id,
        jsonb_build_object('before', v_new, 'after', v_old, 'error', p_error));
    IF v.desired <> 'deleted' THEN
        PERFORM croft_converge(v, 'resize failed');
    ELSE
        UPDATE vps SET task_id = v_open WHERE id = v.id;
    END IF;
END
$$;

-- ---- Addresses

CREATE OR REPLACE FUNCTION croft_vps_address_add(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_family int := (p_req->'body'->>'family')::int;
    v_old vps;
    v vps;
    n nodes;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    IF v_family NOT IN (4, 6) THEN
        PERFORM croft_raise(422, 'invalid_value', 'A family is 4 or 6.', '/family');
    ELSIF p_req->'body'->>'kind' NOT IN ('routed', 'private') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A kind is routed or private.', '/kind');
    END IF;
    v_old := croft_order_begin(p_req, 'update');
    v := v_old;
    IF (CASE v_family WHEN 4 THEN v.ipv4_count ELSE v.ipv6_count END) >= 8 THEN
        PERFORM croft_raise(409, 'conflict', format('A vps has at most 8 IPv%s addresses.', v_family));
    END IF;
    IF v_family = 4 THEN
        PERFORM croft_prepaid_check(v.tenant_id);
    END IF;
    PERFORM croft_quota_move(v.tenant_id, ARRAY['ipv' || v_family], ARRAY[1::bigint], 1);
    SELECT * INTO n FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE; -- before its pools, as a create does
    v.addresses := v.addresses || croft_addresses_take(n, v.id, v_family, 1, coalesce(p_req->'body'->>'kind', 'routed'));
    UPDATE vps SET ipv4_count = ipv4_count + (v_family = 4)::int, ipv6_count = ipv6_count + (v_family = 6)::int WHERE id = v.id;
    RETURN croft_idempotency_end(p_req, croft_order(v_old, v, 'vps_update', 'vps.address_added', NULL, NULL));
END
$$;

-- The address stays taken until the node has given it up: croft_addresses_release().
CREATE OR REPLACE FUNCTION croft_vps_address_remove(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_address text := p_req->'query'->>'address';
    v_old vps := croft_order_begin(p_req, 'update');
    v vps := v_old;
BEGIN
    v.addresses := (SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements(v.addresses) x WHERE x->>'address' <> v_address);
    IF jsonb_array_length(v.addresses) = jsonb_array_length(v_old.addresses) THEN
        PERFORM croft_raise(404, 'not_found', 'The vps has no such address.', '/address');
    END IF;
    UPDATE addresses SET release_generation = v_old.generation + 1 WHERE address = v_address::inet AND vps_id = v.id;
    RETURN croft_order(v_old, v, 'vps_update', 'vps.address_removed', NULL, NULL);
END
$$;

-- Frees what the node has given up by reaching this generation. The vps is locked.
CREATE OR REPLACE FUNCTION croft_addresses_release(v vps, p_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_four int;
    v_six int;
BEGIN
    SELECT count(*) FILTER (WHERE family(a.address) = 4), count(*) FILTER (WHERE family(a.address) = 6) INTO v_four, v_six
        FROM addresses a WHERE a.vps_id = v.id AND a.release_generation <= p_generation;
    IF v_four + v_six = 0 THEN
        RETURN;
    END IF;
    PERFORM croft_quota_move(v.tenant_id, array_agg(a.resource ORDER BY a.resource), array_agg(a.amount ORDER BY a.resource), -1)
        FROM (VALUES ('ipv4', v_four::bigint), ('ipv6', v_six::bigint)) a (resource, amount) WHERE a.amount > 0;
    PERFORM FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE; -- before its pools: its networks may come after them
    PERFORM FROM pools p WHERE p.id IN (SELECT a.pool_id FROM addresses a WHERE a.vps_id = v.id AND a.release_generation <= p_generation)
        ORDER BY p.family, p.node_id IS NULL, p.id FOR NO KEY UPDATE;
    WITH freed AS (
        UPDATE addresses SET vps_id = NULL, release_generation = NULL
        WHERE vps_id = v.id AND release_generation <= p_generation RETURNING pool_id)
    UPDATE pools p SET used = p.used - f.count FROM (SELECT pool_id, count(*) FROM freed GROUP BY pool_id) f WHERE p.id = f.pool_id;
    UPDATE vps SET ipv4_count = ipv4_count - v_four, ipv6_count = ipv6_count - v_six WHERE id = v.id;
END
$$;
