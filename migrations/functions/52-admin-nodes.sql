-- What an operator does to nodes, join tokens and pools.

CREATE OR REPLACE FUNCTION croft_node_hold(p_req jsonb) RETURNS nodes LANGUAGE plpgsql AS $$
DECLARE
    n nodes;
BEGIN
    SELECT * INTO n FROM nodes WHERE id = (p_req->>'id')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('node');
    END IF;
    RETURN n;
END
$$;

-- Tags of a request, each once, in order; or those of before.
CREATE OR REPLACE FUNCTION croft_tags(b jsonb, p_name text, p_old text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_tags text[];
BEGIN
    IF jsonb_typeof(b->p_name) IS DISTINCT FROM 'array' THEN
        RETURN p_old;
    END IF;
    v_tags := ARRAY(SELECT DISTINCT t FROM jsonb_array_elements_text(b->p_name) t ORDER BY 1);
    IF cardinality(v_tags) > 32 OR EXISTS (SELECT FROM unnest(v_tags) t WHERE t !~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A tag has 1 to 63 of a-z, 0-9, ., _ and -.', '/' || p_name);
    END IF;
    RETURN v_tags;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_node_update(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    n nodes := croft_node_hold(p_req);
    v_before jsonb := croft_node_json(n);
BEGIN
    PERFORM croft_check_match(p_req, n.version);
    IF n.state = 'retired' THEN
        PERFORM croft_raise(409, 'conflict', 'The node is retired.');
    ELSIF b->>'state' NOT IN ('active', 'draining', 'maintenance') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A node goes between active, draining and maintenance.', '/state');
    ELSIF coalesce((b->>'forward_first')::int, n.forward_first) > coalesce((b->>'forward_last')::int, n.forward_last) THEN
        PERFORM croft_raise(422, 'invalid_value', 'The first port comes after the last one.', '/forward_first');
    END IF;
    UPDATE nodes SET state = coalesce(b->>'state', state),
        -- What is forwarded already stays, also outside: it is its owner's, and goes with him.
        forward_first = coalesce((b->>'forward_first')::int, forward_first), forward_last = coalesce((b->>'forward_last')::int, forward_last),
        overcommit_vcpu_percent = coalesce((b->>'overcommit_vcpu_percent')::int, overcommit_vcpu_percent),
        overcommit_memory_percent = coalesce((b->>'overcommit_memory_percent')::int, overcommit_memory_percent),
        overcommit_disk_percent = coalesce((b->>'overcommit_disk_percent')::int, overcommit_disk_percent),
        reserve_vcpus = coalesce((b->>'reserve_vcpus')::bigint, reserve_vcpus),
        reserve_memory_bytes = coalesce((b->>'reserve_memory_bytes')::bigint, reserve_memory_bytes),
        reserve_disk_bytes = coalesce((b->>'reserve_disk_bytes')::bigint, reserve_disk_bytes),
        high_water_percent = coalesce((b->>'high_water_percent')::int, high_water_percent),
        line_rate_mbit = coalesce((b->>'line_rate_mbit')::bigint, line_rate_mbit),
        tags = croft_tags(b, 'tags', tags), dedicated = coalesce((b->>'dedicated')::boolean, dedicated),
        serving_since = CASE WHEN state = 'maintenance' AND b->>'state' <> 'maintenance' THEN now() ELSE serving_since END
    WHERE id = n.id RETURNING * INTO n;
    PERFORM pg_notify('croft_task', n.id::text); -- what waited for the end of a maintenance
    PERFORM croft_changed('node.updated', NULL, 'node', n.id, v_before, to_jsonb(croft_node_json(n)));
    RETURN (200, croft_node_json(n)::text, croft_node_etag(n), NULL)::croft_answer;
EXCEPTION WHEN check_violation OR numeric_value_out_of_range THEN
    PERFORM croft_raise(422, 'invalid_value', format('A value is out of range, or a dedicated node has no tag (%s).', SQLERRM));
END
$$;

-- What the node runs goes on running; it only may not speak any more, until it joins again with a new token.
CREATE OR REPLACE FUNCTION croft_admin_node_revoke(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    v_serials jsonb;
BEGIN
    UPDATE node_status SET online = false WHERE node_id = v_id;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('node');
    END IF;
    WITH revoked AS (UPDATE node_certificates SET revoked_at = now() WHERE node_id = v_id AND revoked_at IS NULL RETURNING serial)
        SELECT coalesce(jsonb_agg(serial), '[]') INTO v_serials FROM revoked;
    UPDATE join_tokens SET expires_at = now() WHERE node_id = v_id AND expires_at > now();
    PERFORM pg_notify('croft_revoke', v_id::text);
    PERFORM croft_changed('node.revoked', NULL, 'node', v_id, jsonb_build_object('certificates', v_serials),
        '{"certificates":[]}');
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_join_token_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    j join_tokens_visible;
    v_shown jsonb;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    IF NOT EXISTS (SELECT FROM locations WHERE id = (b->>'location_id')::uuid) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such location.', '/location_id');
    ELSIF coalesce((b->>'expires_in')::int, 3600) NOT BETWEEN 60 AND 86400 THEN
        PERFORM croft_raise(422, 'invalid_value', 'A join token lives from 60 to 86400 seconds.', '/expires_in');
    END IF;
    INSERT INTO join_tokens (location_id, token_hash, expires_at)
    VALUES ((b->>'location_id')::uuid, b->>'token_hash', now() + make_interval(secs => coalesce((b->>'expires_in')::int, 3600)))
    RETURNING id, location_id, expires_at, used_at, node_id, created_at INTO j;
    PERFORM croft_changed('join_token.created', NULL, 'join_token', j.id, NULL, to_jsonb(croft_join_token_json(j)));
    v_shown := to_jsonb(croft_join_token_json(j)) || coalesce(jsonb_build_object('token', b->'token'), '{}');
    a := (201, CASE WHEN b ? 'token' THEN v_shown ELSE v_shown - 'token' END::text, NULL, '/v1/admin/join-tokens/' || j.id);
    RETURN croft_idempotency_end(p_req, a, (v_shown || '{"token":null}')::text);
END
$$;

-- One that was used stays as the record of who let the node in; it works for nothing any more.
CREATE OR REPLACE FUNCTION croft_admin_join_token_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    j join_tokens_visible;
BEGIN
    DELETE FROM join_tokens WHERE id = (p_req->>'id')::uuid
        RETURNING id, location_id, expires_at, used_at, node_id, created_at INTO j;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('join token');
    END IF;
    PERFORM croft_changed('join_token.deleted', NULL, 'join_token', j.id, to_jsonb(croft_join_token_json(j)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- Checks a pool's range; the messages are for a person.
CREATE OR REPLACE FUNCTION croft_pool_cidr(p_text text) RETURNS cidr LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_cidr cidr;
BEGIN
    BEGIN
        IF p_text NOT LIKE '%/%' THEN -- cidr would guess the prefix by the address's class
            RAISE invalid_text_representation;
        END IF;
        v_cidr := p_text::cidr;
    EXCEPTION WHEN invalid_text_representation THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is not a network such as 192.0.2.0/24 or 2001:db8::/64.', '/cidr');
    END;
    IF family(v_cidr) = 4 AND masklen(v_cidr) NOT BETWEEN 16 AND 32 THEN
        PERFORM croft_raise(422, 'invalid_value', 'An IPv4 pool is a /16 or smaller.', '/cidr');
    ELSIF family(v_cidr) = 6 AND masklen(v_cidr) NOT BETWEEN 32 AND 126 THEN
        PERFORM croft_raise(422, 'invalid_value', 'An IPv6 pool is between a /32 and a /126.', '/cidr');
    END IF;
    -- Not a guest's anywhere: this host, loopback, link-local, IPv4 in IPv6, multicast and what lies beyond; what private networks
    -- are cut from.
    IF v_cidr && ANY ('{0.0.0.0/8,127.0.0.0/8,169.254.0.0/16,224.0.0.0/3,::/8,fe80::/9,ff00::/8,100.64.0.0/10,fd63:726f:6674::/48}'::cidr[]) THEN
        PERFORM croft_raise(422, 'invalid_value', 'Addresses of this range cannot be given to a vps.', '/cidr');
    END IF;
    RETURN v_cidr;
END
$$;

-- Writes the rows of an IPv4 pool. Network, first (by custom the router's) and broadcast address stay out of use where the
-- range is large enough for that to be what its owner expects; a /31 and a /32 are used whole.
CREATE OR REPLACE FUNCTION croft_pool_fill(p pools) RETURNS pools LANGUAGE plpgsql AS $$
DECLARE
    v_count int := 1 << (32 - masklen(p.cidr));
BEGIN
    INSERT INTO addresses (address, pool_id, reserved)
    SELECT set_masklen(p.cidr::inet, 32) + i, p.id,
        masklen(p.cidr) <= 30 AND (i IN (0, v_count - 1) OR i = 1 AND masklen(p.cidr) <= 29)
    FROM generate_series(0, v_count - 1) i;
    UPDATE pools SET size = (SELECT count(*) FROM addresses WHERE pool_id = p.id AND NOT reserved)
        WHERE id = p.id RETURNING * INTO p;
    RETURN p;
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_pool_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b jsonb := p_req->'body';
    a croft_answer := croft_idempotency_begin(p_req);
    v_cidr cidr;
    p pools;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v_cidr := croft_pool_cidr(b->>'cidr');
    IF NOT EXISTS (SELECT FROM locations WHERE id = (b->>'location_id')::uuid) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such location.', '/location_id');
    ELSIF b->>'node_id' IS NOT NULL AND NOT EXISTS
        (SELECT FROM nodes WHERE id = (b->>'node_id')::uuid AND location_id = (b->>'location_id')::uuid) THEN
        PERFORM croft_raise(422, 'invalid_value', 'There is no such node in this location.', '/node_id');
    END IF;
    IF b->>'kind' NOT IN ('routed', 'private') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A pool is routed or private.', '/kind');
    END IF;
    -- Of IPv6, host numbers 0 (every router's) and 1 are not given.
    INSERT INTO pools (name, location_id, node_id, cidr, kind, quarantine_s, size)
    VALUES (b->>'name', (b->>'location_id')::uuid, (b->>'node_id')::uuid, v_cidr, coalesce(b->>'kind', 'routed'),
        coalesce((b->>'quarantine_s')::int, 0),
        CASE family(v_cidr) WHEN 4 THEN 1 ELSE (1::bigint << least(128 - masklen(v_cidr), 62)) - 2 END)
    RETURNING * INTO p;
    IF p.family = 4 THEN
        p := croft_pool_fill(p);
    END IF;
    PERFORM croft_changed('pool.created', NULL, 'pool', p.id, NULL, to_jsonb(croft_pool_json(p)));
    a := (201, croft_pool_json(p)::text, NULL, '/v1/admin/pools/' || p.id);
    RETURN croft_idempotency_end(p_req, a);
EXCEPTION
    WHEN exclusion_violation THEN
        PERFORM croft_raise(409, 'conflict', 'This range overlaps that of another pool.', '/cidr');
    WHEN unique_violation THEN
        PERFORM croft_raise(409, 'conflict', 'There is a pool with this name.', '/name');
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_pool_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p pools;
BEGIN
    SELECT * INTO p FROM pools WHERE id = (p_req->>'id')::uuid FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('pool');
    ELSIF p.used > 0 THEN
        PERFORM croft_raise(409, 'conflict', format('%s addresses of this pool are in use.', p.used));
    END IF;
    DELETE FROM addresses WHERE pool_id = p.id;
    DELETE FROM pools WHERE id = p.id;
    PERFORM croft_changed('pool.deleted', NULL, 'pool', p.id, to_jsonb(croft_pool_json(p)), NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;
