-- Private networks and forwarded ports. What is taken from a vps is kept until its node has let go of it: croft_network_release().

CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON networks FOR EACH ROW EXECUTE FUNCTION croft_bump_version();
CREATE OR REPLACE TRIGGER bump_version BEFORE UPDATE ON port_forwards FOR EACH ROW EXECUTE FUNCTION croft_bump_version();

CREATE OR REPLACE FUNCTION croft_network_ipv4(p_number int, p_host int) RETURNS inet LANGUAGE sql IMMUTABLE
    RETURN inet '100.64.0.0' + (p_number::bigint * 256 + p_host);

CREATE OR REPLACE FUNCTION croft_network_ipv6(p_number int, p_host int) RETURNS inet LANGUAGE sql IMMUTABLE
    RETURN (format('fd63:726f:6674:%s::', to_hex(p_number)))::inet + p_host::bigint;

CREATE OR REPLACE FUNCTION croft_network_json(n networks) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', n.id, 'tenant_id', n.tenant_id, 'name', n.name, 'ipv4', host(croft_network_ipv4(n.number, 0)) || '/24',
        'ipv6', host(croft_network_ipv6(n.number, 0)) || '/64', 'members', (SELECT coalesce(json_agg(json_build_object('vps_id', m.vps_id,
            'ipv4', host(croft_network_ipv4(n.number, m.host)), 'ipv6', host(croft_network_ipv6(n.number, m.host))) ORDER BY m.host), '[]')
            FROM network_members m WHERE m.network_id = n.id AND m.release_generation IS NULL),
        'created_at', n.created_at, 'updated_at', n.updated_at);

CREATE OR REPLACE FUNCTION croft_port_forward_json(f port_forwards) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', f.id, 'vps_id', f.vps_id, 'protocol', f.protocol, 'host_port', f.host_port, 'port', f.port,
        'created_at', f.created_at);

-- ---- As the node gets it

-- Its pools' addresses with their kind, and those of its private networks.
CREATE OR REPLACE FUNCTION croft_addresses_spec(v vps) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_agg(jsonb_build_object('family', a->'family', 'address', a->'address', 'kind', coalesce(a->>'kind', 'routed')))
            FROM jsonb_array_elements(v.addresses) a), '[]')
        || coalesce((SELECT jsonb_agg(x.address ORDER BY n.number, x.family) FROM network_members m JOIN networks n ON n.id = m.network_id,
            LATERAL (VALUES (4, jsonb_build_object('family', 4, 'kind', 'network', 'address', host(croft_network_ipv4(n.number, m.host)),
                    'network', host(croft_network_ipv4(n.number, 0)) || '/24')),
                (6, jsonb_build_object('family', 6, 'kind', 'network', 'address', host(croft_network_ipv6(n.number, m.host)),
                    'network', host(croft_network_ipv6(n.number, 0)) || '/64'))) x (family, address)
            WHERE m.vps_id = v.id AND m.release_generation IS NULL), '[]')
$$;

CREATE OR REPLACE FUNCTION croft_private_ipv4(v vps) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT a->>'address' FROM jsonb_array_elements(v.addresses) WITH ORDINALITY x (a, n)
    WHERE a->>'family' = '4' AND a->>'kind' = 'private' ORDER BY n LIMIT 1
$$;

CREATE OR REPLACE FUNCTION croft_forwards_spec(v vps) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('protocol', f.protocol, 'host_port', f.host_port, 'port', f.port,
        'address', croft_private_ipv4(v)) ORDER BY f.id), '[]')
    FROM port_forwards f WHERE f.vps_id = v.id AND f.release_generation IS NULL AND croft_private_ipv4(v) IS NOT NULL
$$;

-- Takes the vps out of the networks that it has left by this generation; null: of all. Its node is locked. Whether a network is empty
-- is looked at by a statement that begins when it is locked: who has joined meanwhile is seen.
CREATE OR REPLACE FUNCTION croft_members_release(v vps, p_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_left uuid[] := ARRAY(SELECT m.network_id FROM network_members m
        WHERE m.vps_id = v.id AND (p_generation IS NULL OR m.release_generation <= p_generation));
BEGIN
    PERFORM FROM networks WHERE id = ANY (v_left) ORDER BY id FOR NO KEY UPDATE;
    DELETE FROM network_members WHERE vps_id = v.id AND network_id = ANY (v_left);
    UPDATE networks n SET node_id = NULL WHERE n.id = ANY (v_left) AND NOT EXISTS (SELECT FROM network_members m WHERE m.network_id = n.id);
END
$$;

-- What the node has given up by reaching this generation; null: all, the vps is gone from it. The vps is locked.
CREATE OR REPLACE FUNCTION croft_network_release(v vps, p_generation bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM network_members WHERE vps_id = v.id AND (p_generation IS NULL OR release_generation <= p_generation))
        OR EXISTS (SELECT FROM port_forwards WHERE vps_id = v.id AND (p_generation IS NULL OR release_generation <= p_generation)) THEN
        PERFORM FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE;
        DELETE FROM port_forwards WHERE vps_id = v.id AND (p_generation IS NULL OR release_generation <= p_generation);
        PERFORM croft_members_release(v, p_generation);
    END IF;
    IF p_generation IS NULL THEN
        DELETE FROM firewalls WHERE vps_id = v.id;
    END IF;
END
$$;

-- The end of a vps whose node could not be asked: what it had of the network, but for the node's ports, which may still lead to it and
-- stay taken until the node says that it is gone.
CREATE OR REPLACE FUNCTION croft_network_end(v vps) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE;
    UPDATE port_forwards SET release_generation = v.generation WHERE vps_id = v.id AND release_generation IS NULL;
    PERFORM croft_members_release(v, NULL);
    DELETE FROM firewalls WHERE vps_id = v.id;
END
$$;

-- ---- Forwarded ports

-- The first free port of the node, or the one that is asked for; the constraint decides between two who ask at once.
CREATE OR REPLACE FUNCTION croft_host_port(n nodes, p_protocol text, p_wanted int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_port int := p_wanted;
BEGIN
    IF v_port IS NULL THEN
        SELECT p INTO v_port FROM generate_series(n.forward_first, n.forward_last) p
            WHERE NOT EXISTS (SELECT FROM port_forwards f WHERE f.node_id = n.id AND f.protocol = p_protocol AND f.host_port = p) LIMIT 1;
        IF v_port IS NULL THEN
            PERFORM croft_raise(409, 'no_capacity', 'All ports of the node are forwarded already.');
        END IF;
    ELSIF v_port NOT BETWEEN n.forward_first AND n.forward_last THEN
        PERFORM croft_raise(422, 'invalid_value', format('Ports from %s to %s are forwarded.', n.forward_first, n.forward_last), '/host_port');
    END IF;
    RETURN v_port;
END
$$;

CREATE OR REPLACE FUNCTION croft_port_forward_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    b jsonb := p_req->'body';
    v vps;
    n nodes;
    f port_forwards;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    v := croft_order_begin(p_req, 'update');
    IF b->>'protocol' NOT IN ('tcp', 'udp') THEN
        PERFORM croft_raise(422, 'invalid_value', 'A protocol is tcp or udp.', '/protocol');
    ELSIF croft_private_ipv4(v) IS NULL THEN
        PERFORM croft_raise(409, 'conflict', 'The vps has no private IPv4 address: it is reached directly.');
    ELSIF (SELECT count(*) FROM port_forwards WHERE vps_id = v.id) >= 64 THEN
        PERFORM croft_raise(409, 'conflict', 'A vps has at most 64 forwarded ports.');
    END IF;
    SELECT * INTO n FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE;
    INSERT INTO port_forwards (tenant_id, vps_id, node_id, protocol, host_port, port)
        VALUES (v.tenant_id, v.id, n.id, b->>'protocol', croft_host_port(n, b->>'protocol', (b->>'host_port')::int), (b->>'port')::int)
        RETURNING * INTO f;
    a := croft_order(v, v, 'vps_update', 'vps.port_forward_ordered', NULL, NULL);
    PERFORM croft_changed('port_forward.created', f.tenant_id, 'port_forward', f.id, NULL, croft_port_forward_json(f)::jsonb);
    a := croft_accepted_with(a, 'port_forward', croft_port_forward_json(f), croft_etag(f.version), '/v1/port-forwards/' || f.id);
    RETURN croft_idempotency_end(p_req, a);
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'This port of the node is forwarded already.', '/host_port');
END
$$;

CREATE OR REPLACE FUNCTION croft_port_forward_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_id uuid := (p_req->>'id')::uuid;
    f port_forwards;
    v vps;
    a croft_answer;
BEGIN
    SELECT * INTO f FROM port_forwards WHERE id = v_id AND tenant_id = croft_tenant_id() AND release_generation IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('port forward');
    END IF;
    v := croft_order_begin(p_req || jsonb_build_object('id', f.vps_id), 'update');
    PERFORM FROM nodes WHERE id = f.node_id FOR NO KEY UPDATE;
    UPDATE port_forwards SET release_generation = v.generation + 1 WHERE id = v_id AND release_generation IS NULL RETURNING * INTO f;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('port forward');
    END IF;
    a := croft_order(v, v, 'vps_update', 'vps.port_forward_ordered', NULL, NULL);
    PERFORM croft_changed('port_forward.deleted', f.tenant_id, 'port_forward', f.id, croft_port_forward_json(f)::jsonb, NULL);
    RETURN a;
END
$$;

-- ---- Networks

CREATE OR REPLACE FUNCTION croft_network_create(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v_number int;
    n networks;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM croft_tenant_hold(croft_tenant_id());
    PERFORM pg_advisory_xact_lock(hashtext('croft_network_number'));
    IF (SELECT count(*) FROM networks WHERE tenant_id = croft_tenant_id()) >= 16 THEN
        PERFORM croft_raise(409, 'conflict', 'A tenant has at most 16 private networks.');
    END IF;
    SELECT x INTO v_number FROM generate_series(0, 16383) x WHERE NOT EXISTS (SELECT FROM networks k WHERE k.number = x) LIMIT 1;
    IF v_number IS NULL THEN
        PERFORM croft_raise(409, 'no_capacity', 'There is no range left for another private network.');
    END IF;
    INSERT INTO networks (tenant_id, name, number) VALUES (croft_tenant_id(), p_req->'body'->>'name', v_number) RETURNING * INTO n;
    PERFORM croft_changed('network.created', n.tenant_id, 'network', n.id, NULL, croft_network_json(n)::jsonb);
    a := (201, croft_network_json(n)::text, croft_etag(n.version), '/v1/networks/' || n.id);
    RETURN croft_idempotency_end(p_req, a);
EXCEPTION WHEN unique_violation THEN
    PERFORM croft_raise(409, 'conflict', 'There is a private network with this name.', '/name');
END
$$;

CREATE OR REPLACE FUNCTION croft_network_delete(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    n networks;
    v_before jsonb;
BEGIN
    SELECT * INTO n FROM networks WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id() FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('network');
    ELSIF EXISTS (SELECT FROM network_members WHERE network_id = n.id) THEN
        PERFORM croft_raise(409, 'conflict', 'The network still has members.');
    END IF;
    v_before := croft_network_json(n);
    DELETE FROM networks WHERE id = n.id;
    PERFORM croft_changed('network.deleted', n.tenant_id, 'network', n.id, v_before, NULL);
    RETURN (204, NULL, NULL, NULL)::croft_answer;
END
$$;

-- The tenant's own network, locked after the vps and its node.
CREATE OR REPLACE FUNCTION croft_network_hold(p_id uuid, v vps) RETURNS networks LANGUAGE plpgsql AS $$
DECLARE
    n networks;
BEGIN
    PERFORM FROM nodes WHERE id = v.node_id FOR NO KEY UPDATE;
    SELECT * INTO n FROM networks WHERE id = p_id AND tenant_id = croft_tenant_id() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('network');
    END IF;
    RETURN n;
END
$$;

CREATE OR REPLACE FUNCTION croft_network_changed(n networks, v vps, p_before jsonb, p_action text) RETURNS croft_answer LANGUAGE plpgsql AS $$
DECLARE
    a croft_answer := croft_order(v, v, 'vps_update', 'vps.networks_ordered', NULL, NULL);
BEGIN
    UPDATE networks SET updated_at = now() WHERE id = n.id RETURNING * INTO n;
    PERFORM croft_changed(p_action, n.tenant_id, 'network', n.id, p_before, croft_network_json(n)::jsonb);
    RETURN croft_accepted_with(a, 'network', croft_network_json(n), croft_etag(n.version), '/v1/networks/' || n.id);
END
$$;

CREATE OR REPLACE FUNCTION croft_network_join(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a croft_answer := croft_idempotency_begin(p_req);
    v vps;
    n networks;
    v_host int;
BEGIN
    IF a.status IS NOT NULL THEN
        RETURN a;
    END IF;
    PERFORM FROM networks WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id();
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('network');
    END IF;
    v := croft_order_begin(p_req || jsonb_build_object('id', p_req->'body'->'vps_id'), 'update');
    n := croft_network_hold((p_req->>'id')::uuid, v);
    IF n.node_id <> v.node_id THEN
        PERFORM croft_raise(409, 'conflict', 'The members of this network are on another node.', '/vps_id');
    ELSIF EXISTS (SELECT FROM network_members WHERE network_id = n.id AND vps_id = v.id) THEN
        PERFORM croft_raise(409, 'conflict', 'The vps is a member already.', '/vps_id');
    ELSIF (SELECT count(*) FROM network_members WHERE vps_id = v.id) >= 4 THEN
        PERFORM croft_raise(409, 'conflict', 'A vps is in at most 4 private networks.', '/vps_id');
    END IF;
    SELECT h INTO v_host FROM generate_series(2, 254) h
        WHERE NOT EXISTS (SELECT FROM network_members m WHERE m.network_id = n.id AND m.host = h) LIMIT 1;
    IF v_host IS NULL THEN
        PERFORM croft_raise(409, 'no_capacity', 'The network is full.');
    END IF;
    INSERT INTO network_members (network_id, vps_id, tenant_id, host) VALUES (n.id, v.id, v.tenant_id, v_host);
    UPDATE networks SET node_id = v.node_id WHERE id = n.id;
    RETURN croft_idempotency_end(p_req, croft_network_changed(n, v, NULL, 'network.joined'));
END
$$;

CREATE OR REPLACE FUNCTION croft_network_leave(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v vps;
    n networks;
    v_before jsonb;
BEGIN
    PERFORM FROM networks WHERE id = (p_req->>'id')::uuid AND tenant_id = croft_tenant_id();
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('network');
    END IF;
    v := croft_order_begin(p_req || jsonb_build_object('id', p_req->'query'->'vps_id'), 'update');
    n := croft_network_hold((p_req->>'id')::uuid, v);
    v_before := croft_network_json(n);
    UPDATE network_members SET release_generation = v.generation + 1
        WHERE network_id = n.id AND vps_id = v.id AND release_generation IS NULL;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('member');
    END IF;
    RETURN croft_network_changed(n, v, v_before, 'network.left');
END
$$;
