-- What a node may still have of a network is nobody else's: orders that failed, vps that were given up and had back, guests that are
-- switched off.
CREATE FUNCTION test.kept_vps(p_name text, p_plan text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
BEGIN
    r := test.api('kept', 'vps_create', jsonb_build_object('body', jsonb_build_object('name', p_name, 'plan_id', test.get(p_plan),
        'image_id', test.get('image'), 'location_id', test.get('kept_location'))));
    PERFORM test.is(r.status, 202, 'made: ' || p_name);
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    RETURN r.body->'vps'->>'id';
END
$$;
CREATE FUNCTION test.kept(p_statement text, p_id text, p_body jsonb DEFAULT '{}', p_more jsonb DEFAULT '{}') RETURNS test.reply
LANGUAGE sql AS $$
    SELECT test.api('kept', p_statement, jsonb_build_object('id', p_id, 'body', p_body,
        'idempotency', jsonb_build_object('key', gen_random_uuid(), 'hash', 'h')) || p_more)
$$;
CREATE FUNCTION test.settle_open(p_vps text, p_status text, p_observed text) RETURNS void LANGUAGE sql AS $$
    SELECT test.settle(t.id::text, p_status, p_observed) FROM (SELECT id FROM tasks WHERE vps_id = p_vps::uuid AND ended_at IS NULL ORDER BY seq) t
$$;
-- Ports, memberships and addresses that the vps holds.
CREATE FUNCTION test.holds(p_vps text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s ports, %s networks, %s addresses', (SELECT count(*) FROM port_forwards WHERE vps_id = p_vps::uuid),
        (SELECT count(*) FROM network_members WHERE vps_id = p_vps::uuid), (SELECT count(*) FROM addresses WHERE vps_id = p_vps::uuid))
$$;
CREATE FUNCTION test.newest_args(p_vps text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT args FROM tasks WHERE vps_id = p_vps::uuid ORDER BY seq DESC LIMIT 1
$$;

DO $$
DECLARE
    v_location text;
    r test.reply;
BEGIN
    r := test.api('op', 'admin_location_create', '{"body":{"name":"kept"}}');
    v_location := r.body->>'id';
    PERFORM test.set('kept_location', v_location);
    PERFORM test.set('kept_node', test.node('kept1', v_location::uuid, 64, 1099511627776, 10995116277760));
    PERFORM test.tenant('kept', '{"vps":9,"running_vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":19,"ipv6":9}');
    PERFORM test.is((test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', p.name, 'cidr', p.cidr,
        'location_id', v_location, 'kind', p.kind)))).status, 201, 'a pool: ' || p.name)
        FROM (VALUES ('kept4', '203.0.113.0/28', 'routed'), ('kept4p', '10.97.0.0/24', 'private'), ('kept6', 'fd97::/120', 'routed')) p (name, cidr, kind);
END
$$;

-- An order that failed has given nothing up, and a password that was set since is no proof that it has.
DO $$
DECLARE
    v text := test.kept_vps('kept-a', 'cheap');
    n text := (test.kept('network_create', NULL, '{"name":"kept"}')).body->>'id';
    f text;
    r test.reply;
BEGIN
    PERFORM test.set('kept_network', n);
    f := (test.kept('port_forward_create', v, '{"protocol":"tcp","port":22}')).body->'port_forward'->>'id';
    r := test.kept('network_join', n, jsonb_build_object('vps_id', v));
    r := test.kept('vps_address_add', v, '{"family":4,"kind":"routed"}');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.is(test.holds(v), '1 ports, 1 networks, 2 addresses', 'a vps with all that there is');
    PERFORM test.kept('port_forward_delete', f);
    PERFORM test.kept('network_leave', n, '{}', jsonb_build_object('query', jsonb_build_object('vps_id', v)));
    PERFORM test.kept('vps_address_remove', v, '{}', jsonb_build_object('query', jsonb_build_object('address',
        (SELECT a->>'address' FROM vps k, jsonb_array_elements(k.addresses) a WHERE k.id = v::uuid AND a->>'kind' = 'routed' AND a->>'family' = '4'))));
    PERFORM test.settle_open(v, 'failed', 'running');
    r := test.kept('vps_password', v, '{"password_hash":"h"}');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is(test.holds(v), '1 ports, 1 networks, 2 addresses', 'a password frees nothing that a failed order was to take away');
    PERFORM test.is((SELECT (observed_generation < generation, retry_at IS NOT NULL, error IS NOT NULL)::text FROM vps WHERE id = v::uuid), '(t,t,t)',
        'nor is that order forgotten');
    UPDATE vps SET retry_at = now() WHERE id = v::uuid;
    PERFORM croft_retry_due();
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.is(test.holds(v), '0 ports, 0 networks, 1 addresses', 'it is tried again, and then all is free');
    PERFORM test.is((SELECT node_id FROM networks WHERE id = n::uuid), NULL::uuid, 'a network without members is bound to no node');
    PERFORM test.consistent('after a password and a failed order');
    PERFORM test.set('kept_a', v);
END
$$;

-- Given up with its node and had back: with its firewall, its ports, its networks and as many addresses of each kind.
DO $$
DECLARE
    v text := test.get('kept_a');
    o text := test.kept_vps('kept-o', 'cheap');
    v_node text := test.get('kept_node');
    n text := test.get('kept_network');
    v_kinds text;
    r test.reply;
BEGIN
    PERFORM test.kept('port_forward_create', v, '{"protocol":"tcp","port":22,"host_port":20007}');
    PERFORM test.kept('port_forward_create', o, '{"protocol":"udp","port":53,"host_port":20007}');
    PERFORM test.kept('network_join', n, jsonb_build_object('vps_id', v));
    PERFORM test.kept('vps_address_add', v, '{"family":4,"kind":"routed"}');
    PERFORM test.kept('vps_address_add', v, '{"family":6}');
    PERFORM test.kept('firewall_set', v, '{"rules":[],"policy_in":"drop"}', '{"if_match":"*"}');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.settle_open(o, 'done', 'running');
    SELECT string_agg(format('%s %s', a->>'family', a->>'kind'), ', ' ORDER BY a->>'family', a->>'kind') INTO v_kinds
        FROM vps k, jsonb_array_elements(k.addresses) a WHERE k.id = v::uuid;
    PERFORM test.is(v_kinds, '4 private, 4 routed, 6 routed', 'a vps with addresses of all kinds');
    r := test.kept('rdns_set', v, jsonb_build_object('names', jsonb_build_array(jsonb_build_object('name', 'kept.example.org', 'address',
        (SELECT a->>'address' FROM vps k, jsonb_array_elements(k.addresses) a WHERE k.id = v::uuid AND a->>'kind' = 'routed' LIMIT 1)))), '{"if_match":"*"}');
    PERFORM test.is(r.status, 200, 'and a name');
    -- One address is on its way out when the node is given up.
    PERFORM test.kept('vps_address_add', v, '{"family":4,"kind":"routed"}');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.kept('vps_address_remove', v, '{}', jsonb_build_object('query', jsonb_build_object('address',
        (SELECT host(max((a->>'address')::inet)) FROM vps k, jsonb_array_elements(k.addresses) a WHERE k.id = v::uuid AND a->>'kind' = 'routed' AND a->>'family' = '4'))));

    PERFORM test.api('op', 'admin_node_revoke', jsonb_build_object('id', v_node));
    PERFORM test.is((test.api('op', 'admin_vps_lose', jsonb_build_object('id', x))).status, 200, 'given up') FROM unnest(ARRAY[v, o]) x;
    PERFORM test.consistent('after two were given up');
    PERFORM test.is(test.holds(v), '1 ports, 1 networks, 0 addresses', 'what is given up keeps its port of the node, and its place');
    PERFORM test.is((SELECT policy_in FROM firewalls WHERE vps_id = v::uuid), 'drop', 'and its firewall');
    PERFORM test.is((test.kept('vps_delete', o)).status, 202, 'its owner deletes the other one');
    PERFORM test.is(test.holds(o), '1 ports, 0 networks, 0 addresses', 'whose port its node may still forward');

    r := test.api('op', 'admin_join_token_create', jsonb_build_object('body', jsonb_build_object('location_id', test.get('kept_location'), 'token_hash', test.hash('kept back'))));
    PERFORM croft_node_join(test.hash('kept back'), test.hash('key kept back'), 'kept1', NULL);
    UPDATE node_certificates SET revoked_at = NULL WHERE node_id = v_node::uuid;
    PERFORM test.hello(v_node, 64, 1099511627776, 10995116277760, (SELECT jsonb_agg(jsonb_build_object('vps', k.id, 'generation', k.generation - 1,
        'observed', 'running', 'slot', k.slot)) FROM vps k WHERE k.id IN (v::uuid, o::uuid)));
    PERFORM test.is((SELECT string_agg(k.kind, ' ' ORDER BY k.kind) FROM tasks k WHERE k.vps_id IN (v::uuid, o::uuid) AND ended_at IS NULL), 'vps_delete vps_update',
        'the node is back, one is stopped there, one deleted');
    PERFORM test.settle_open(v, 'done', 'stopped');
    PERFORM test.settle_open(o, 'done', 'absent');
    PERFORM test.is(test.holds(o), '0 ports, 0 networks, 0 addresses', 'the node says that it is gone: its port is free');

    r := test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', v_node, 'body', jsonb_build_object('vps_id', v)));
    PERFORM test.is(r.status, 202, 'the other is had back');
    PERFORM test.is((SELECT string_agg(format('%s %s', a->>'family', a->>'kind'), ', ' ORDER BY a->>'family', a->>'kind')
        FROM jsonb_array_elements(r.body->'vps'->'addresses') a), v_kinds, 'with as many addresses of each kind');
    PERFORM test.is((s->'firewall'->>'policy_in', jsonb_array_length(s->'forwards'), (SELECT count(*) FROM jsonb_array_elements(s->'addresses') a
        WHERE a->>'kind' = 'network'))::text, '(drop,1,2)', 'its node gets its firewall, its port and its place in the network') FROM test.newest_spec(v) s;
    PERFORM test.is((SELECT (count(*) FILTER (WHERE x->>'name' = 'kept.example.org'), count(*))::text FROM events e,
        jsonb_array_elements(e.data->'not_restored') x WHERE e.action = 'vps.adopted' AND e.subject_id = v::uuid), '(1,3)', 'what it has no more is told');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.consistent('after one was had back');
END
$$;

-- A guest that is switched off from inside stays off while an address set of its firewall changes, however often and with whatever end.
DO $$
DECLARE
    v text := test.get('kept_a');
    s text := (test.kept('address_set_create', NULL, '{"name":"kept","cidrs":["192.0.2.0/24"]}')).body->>'id';
BEGIN
    PERFORM test.kept('vps_start', v);
    PERFORM test.kept('firewall_set', v, jsonb_build_object('policy_in', 'drop', 'rules', jsonb_build_array(jsonb_build_object('direction', 'in',
        'action', 'accept', 'address_sets', jsonb_build_array(s)))), '{"if_match":"*"}');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.kept('address_set_update', s, '{"name":"kept","cidrs":["192.0.2.1"]}', '{"if_match":"*"}');
    PERFORM test.is(test.newest_args(v)->>'keep_power', NULL, 'a guest that runs is told nothing of power');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.hub(k.node_id::text, test.epoch(k.node_id::text), 'node_inventory', jsonb_build_object('type', 'inventory', 'full', false, 'vps',
        jsonb_build_array(jsonb_build_object('vps', v, 'generation', k.generation, 'observed', 'stopped')))) FROM vps k WHERE k.id = v::uuid;
    PERFORM test.is((SELECT (desired, observed)::text FROM vps WHERE id = v::uuid), '(running,stopped)', 'it is switched off from inside');
    PERFORM test.kept('address_set_update', s, '{"name":"kept","cidrs":["192.0.2.2"]}', '{"if_match":"*"}');
    PERFORM test.is(test.newest_args(v)->>'keep_power', 'true', 'and stays off when a set of its firewall changes');
    PERFORM test.kept('address_set_update', s, '{"name":"kept","cidrs":["192.0.2.3"]}', '{"if_match":"*"}');
    PERFORM test.is(test.newest_args(v)->>'keep_power', 'true', 'also when it does again before the first was done');
    PERFORM test.settle_open(v, 'failed', 'stopped');
    UPDATE vps SET retry_at = now() WHERE id = v::uuid;
    PERFORM croft_retry_due();
    PERFORM test.is(test.newest_args(v)->>'keep_power', 'true', 'and when that is tried again');
    PERFORM test.kept('vps_start', v);
    PERFORM test.kept('address_set_update', s, '{"name":"kept","cidrs":["192.0.2.4"]}', '{"if_match":"*"}');
    PERFORM test.is(test.newest_args(v)->>'keep_power', NULL, 'until its owner starts it');
    PERFORM test.settle_open(v, 'done', 'running');
    PERFORM test.consistent('at the end of what is kept');
END
$$;

-- For network-races.sh: two nodes, on the one with the greater id the vps that was made first, a network of each, a set that both use.
DO $$
DECLARE
    v_location text := test.get('kept_location');
    v_second text := test.node('kept2', v_location::uuid, 64, 1099511627776, 10995116277760);
    v_low text := least(test.get('kept_node')::uuid, v_second::uuid)::text;
    v_high text := greatest(test.get('kept_node')::uuid, v_second::uuid)::text;
    x record;
    s text := (test.kept('address_set_create', NULL, '{"name":"shared","cidrs":["192.0.2.0/24"]}')).body->>'id';
BEGIN
    PERFORM test.set('race_low', v_low), test.set('race_high', v_high), test.set('race_set', s);
    FOR x IN SELECT * FROM (VALUES (v_high, 'race-1'), (v_low, 'race-2'), (v_low, 'race-3')) y (node, name) LOOP
        UPDATE nodes SET state = CASE id::text WHEN x.node THEN 'active' ELSE 'draining' END WHERE id IN (v_low::uuid, v_high::uuid);
        PERFORM test.set(x.name, test.kept_vps(x.name, 'cheap')), pg_sleep(0.01);
        PERFORM test.kept('firewall_set', test.get(x.name), jsonb_build_object('rules', jsonb_build_array(jsonb_build_object('direction', 'in',
            'action', 'drop', 'address_sets', jsonb_build_array(s)))), '{"if_match":"*"}');
        PERFORM test.settle_open(test.get(x.name), 'done', 'running');
    END LOOP;
    UPDATE nodes SET state = 'active' WHERE id IN (v_low::uuid, v_high::uuid);
    PERFORM test.set('race_net', (test.kept('network_create', NULL, '{"name":"race"}')).body->>'id');
END
$$;
