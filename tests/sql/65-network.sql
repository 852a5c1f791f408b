-- Firewalls, address sets, private pools and networks, forwarded ports, quarantine, names.
DO $$
DECLARE
    v_location text;
    r test.reply;
BEGIN
    r := test.api('op', 'admin_location_create', '{"body":{"name":"net"}}');
    v_location := r.body->>'id';
    PERFORM test.set('net_location', v_location);
    PERFORM test.set('net_node', test.node('net1', v_location::uuid, 64, 1099511627776, 10995116277760));
    PERFORM test.tenant('net', '{"vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":9,"ipv6":9}');
    PERFORM test.tenant('net2', '{"vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":9,"ipv6":9}');
    PERFORM test.is((test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'net4', 'cidr', '198.51.100.2/32',
        'location_id', v_location, 'quarantine_s', 3600)))).body->>'quarantine_s', '3600', 'a pool with a quarantine');
    PERFORM test.is((test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'net4p', 'cidr', '10.99.0.0/24',
        'location_id', v_location, 'kind', 'private')))).body->>'kind', 'private', 'a private pool');
    PERFORM test.is((test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'net4x', 'cidr', '10.98.0.0/24',
        'location_id', v_location, 'kind', 'secret')))).pointer, '/kind', 'a pool is of a kind that is');
    PERFORM test.is((test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'net4y', 'cidr', '100.64.7.0/24',
        'location_id', v_location)))).pointer, '/cidr', 'what private networks are cut from is no pool');
    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'net6', 'cidr', 'fd99::/126',
        'location_id', v_location, 'quarantine_s', 3600)));
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"cheap","vcpus":1,"memory_bytes":1073741824,"disk_bytes":1073741824,"private_ipv4":true,"ipv6_count":0}}');
    PERFORM test.is(r.body->>'private_ipv4', 'true', 'a plan with private addresses');
    PERFORM test.set('cheap', r.body->>'id');
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"public","vcpus":1,"memory_bytes":1073741824,"disk_bytes":1073741824}}');
    PERFORM test.set('public_plan', r.body->>'id');
END
$$;

CREATE FUNCTION test.net_vps(p_token text, p_name text, p_plan text) RETURNS test.reply LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
BEGIN
    r := test.api(p_token, 'vps_create', jsonb_build_object('body', jsonb_build_object('name', p_name,
        'plan_id', test.get(p_plan), 'image_id', test.get('image'), 'location_id', test.get('net_location'))));
    IF r.status = 202 THEN
        PERFORM test.set(p_name, r.body->'vps'->>'id');
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    END IF;
    RETURN r;
END
$$;
CREATE FUNCTION test.net(p_statement text, p_id text, p_body jsonb DEFAULT '{}', p_more jsonb DEFAULT '{}') RETURNS test.reply
LANGUAGE sql AS $$ SELECT test.api('net', p_statement, jsonb_build_object('id', p_id, 'body', p_body) || p_more) $$;
CREATE FUNCTION test.newest_spec(p_vps text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT spec FROM tasks WHERE vps_id = p_vps::uuid ORDER BY seq DESC LIMIT 1
$$;
CREATE FUNCTION test.settle_all(p_vps text) RETURNS void LANGUAGE sql AS $$
    SELECT test.settle(t.id::text, 'done', 'running') FROM (SELECT id FROM tasks WHERE vps_id = p_vps::uuid AND ended_at IS NULL ORDER BY seq) t
$$;

-- Kinds of addresses.
DO $$
DECLARE
    r test.reply;
BEGIN
    r := test.net_vps('net', 'net-a', 'public_plan');
    PERFORM test.is((r.status, r.body->'vps'->'addresses'->0->>'address', r.body->'vps'->'addresses'->0->>'kind')::text,
        '(202,198.51.100.2,routed)', 'a vps with a routed address');
    r := test.net_vps('net', 'net-p', 'cheap');
    PERFORM test.is((r.status, r.body->'vps'->'addresses'->0->>'address', r.body->'vps'->'addresses'->0->>'kind')::text,
        '(202,10.99.0.2,private)', 'and one with a private one');
    PERFORM test.is(test.newest_spec(test.get('net-p'))->'addresses'->0->>'kind', 'private', 'its node is told so');
    r := test.net('vps_address_add', test.get('net-a'), '{"family":4,"kind":"private"}', '{"idempotency":{"key":"n1","hash":"h"}}');
    PERFORM test.is(r.body->'vps'->'addresses'->2->>'address', '10.99.0.3', 'an address of either kind is added');
    PERFORM test.settle_all(test.get('net-a'));
    PERFORM test.is((test.net('vps_address_add', test.get('net-a'), '{"family":4,"kind":"x"}', '{"idempotency":{"key":"n2","hash":"h"}}')).pointer,
        '/kind', 'not of another');
END
$$;

-- The firewall.
DO $$
DECLARE
    a text := test.get('net-a');
    v_bad record;
    r test.reply;
BEGIN
    r := test.net('firewall_read', a);
    PERFORM test.is((r.status, r.body->>'policy_in', r.body->'rules')::text, '(200,accept,[])', 'without a firewall everything passes');
    PERFORM test.is(test.newest_spec(a)->'firewall', 'null'::jsonb, 'and the node is told nothing');
    PERFORM test.is((test.net('firewall_set', a, '{"rules":[]}')).status, 428, 'it is changed with If-Match');
    PERFORM test.is((test.api('ada', 'firewall_read', jsonb_build_object('id', a))).status, 404, 'nobody else reads it');
    PERFORM test.is((test.api('ada', 'firewall_set', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"rules":[]}'::jsonb))).status, 404,
        'nor sets it');
    FOR v_bad IN SELECT * FROM (VALUES
        ('{}', '/rules'), ('[1]', '/rules/0'), ('[{"direction":"up","action":"drop"}]', '/rules/0/direction'),
        ('[{"direction":"in"}]', '/rules/0/action'), ('[{"direction":"in","action":"drop","protocol":"sctp"}]', '/rules/0/protocol'),
        ('[{"direction":"in","action":"drop","ports":["22"]}]', '/rules/0/ports'),
        ('[{"direction":"in","action":"drop","protocol":"tcp","ports":["99999"]}]', '/rules/0/ports'),
        ('[{"direction":"in","action":"drop","protocol":"tcp","ports":["80-22"]}]', '/rules/0/ports'),
        ('[{"direction":"in","action":"drop","protocol":"tcp","ports":[22]}]', '/rules/0/ports'),
        ('[{"direction":"in","action":"drop","cidrs":["10.0.0.1/8"]}]', '/rules/0/cidrs/0'),
        ('[{"direction":"in","action":"drop","cidrs":["10.0.0.0/8","x"]}]', '/rules/0/cidrs/1'),
        ('[{"direction":"in","action":"drop","cidrs":["10"]}]', '/rules/0/cidrs/0'),
        ('[{"direction":"in","action":"drop","cidrs":["::0.1.0.5"]}]', '/rules/0/cidrs/0'),
        ('[{"direction":"in","action":"drop","cidrs":["::/0","::ffff:192.0.2.0/120"]}]', '/rules/0/cidrs/1'),
        ('[{"direction":"in","action":"drop","address_sets":["6b1f6a34-0000-7000-8000-000000000000"]}]', '/rules/0/address_sets'),
        ('[{"direction":"in","action":"drop","colour":"red"}]', '/rules/0')) x (rules, pointer)
    LOOP
        r := test.net('firewall_set', a, jsonb_build_object('rules', v_bad.rules::jsonb), '{"if_match":"*"}');
        PERFORM test.is((r.status, r.pointer)::text, format('(422,%s)', v_bad.pointer), 'refused: ' || v_bad.rules);
    END LOOP;
    PERFORM test.is((test.net('firewall_set', a, '{"rules":[],"policy_in":"maybe"}', '{"if_match":"*"}')).status, 422, 'a policy is one of two');
    PERFORM test.is((test.net('firewall_set', a, jsonb_build_object('rules', (SELECT jsonb_agg('{"direction":"in","action":"drop"}'::jsonb)
        FROM generate_series(1, 101))), '{"if_match":"*"}')).status, 422, 'a hundred rules at most');
END
$$;

DO $$
DECLARE
    a text := test.get('net-a');
    r test.reply;
    s test.reply;
BEGIN
    s := test.net('address_set_create', NULL, '{"name":"office","cidrs":["192.0.2.7","2001:DB8::/32"]}', '{"idempotency":{"key":"n3","hash":"h"}}');
    PERFORM test.is((s.status, s.body->'cidrs')::text, '(201,"[""192.0.2.7/32"", ""2001:db8::/32""]")', 'a set, in canonical form');
    PERFORM test.set('office', s.body->>'id');
    PERFORM test.is((test.net('address_set_create', NULL, '{"name":"office","cidrs":[]}', '{"idempotency":{"key":"n4","hash":"h"}}')).status, 409,
        'its name is unique');
    PERFORM test.is((test.api('net2', 'address_set_read', jsonb_build_object('id', test.get('office')))).status, 404, 'another tenant sees no set');
    PERFORM test.is((test.api('net2', 'address_set_update', jsonb_build_object('id', test.get('office'), 'if_match', '*',
        'body', '{"name":"x","cidrs":[]}'::jsonb))).status, 404, 'nor changes it');
    r := test.net('firewall_read', a);
    r := test.net('firewall_set', a, jsonb_build_object('policy_in', 'drop', 'rules', jsonb_build_array(jsonb_build_object('direction', 'in',
        'action', 'accept', 'protocol', 'tcp', 'ports', '["22"]'::jsonb, 'cidrs', '["10.0.0.0/8"]'::jsonb,
        'address_sets', jsonb_build_array(test.get('office'))))), jsonb_build_object('if_match', r.etag));
    PERFORM test.is((r.status, r.body->'task'->>'kind', r.body->'firewall'->>'policy_in')::text, '(202,vps_update,drop)', 'a firewall is ordered');
    PERFORM test.is(test.newest_spec(a)->'firewall', '{"policy_in":"drop","policy_out":"accept","rules":[{"direction":"in","action":"accept",'
        '"protocol":"tcp","ports":["22"],"cidrs":["10.0.0.0/8","192.0.2.7/32","2001:db8::/32"]}]}'::jsonb, 'the node gets the networks');
    PERFORM test.is((test.net('firewall_set', a, '{"rules":[]}', '{"if_match":"\"1\""}')).status, 412, 'an older one does not overwrite it');
    PERFORM test.settle_all(a);
    PERFORM test.is((test.net('address_set_delete', test.get('office'))).status, 409, 'a set in use stays');
    r := test.net('address_set_update', test.get('office'), '{"name":"office","cidrs":[]}', jsonb_build_object('if_match', s.etag));
    PERFORM test.is(r.status, 200, 'a set is changed');
    PERFORM test.is((SELECT (status, kind)::text FROM tasks WHERE vps_id = a::uuid ORDER BY seq DESC LIMIT 1), '(queued,vps_update)',
        'and who uses it is told');
    PERFORM test.is(test.newest_spec(a)->'firewall'->'rules'->0->'cidrs', '["10.0.0.0/8"]'::jsonb, 'without what it held');
    PERFORM test.settle_all(a);
    r := test.net('firewall_set', a, jsonb_build_object('rules', jsonb_build_array(jsonb_build_object('direction', 'in', 'action', 'accept',
        'address_sets', jsonb_build_array(test.get('office'))))), '{"if_match":"*"}');
    PERFORM test.is(test.newest_spec(a)->'firewall'->'rules'->0->'cidrs', '[]'::jsonb, 'an empty set is nobody, not anybody');
    PERFORM test.settle_all(a);
    r := test.net('firewall_set', a, '{"rules":[]}', '{"if_match":"*"}');
    PERFORM test.is((test.net('address_set_delete', test.get('office'))).status, 204, 'a set that nobody uses goes');
    PERFORM test.settle_all(a);
    PERFORM test.net('address_set_create', NULL, '{"name":"stays","cidrs":["10.0.0.0/8"]}', '{"idempotency":{"key":"n5","hash":"h"}}');
END
$$;

-- Forwarded ports.
DO $$
DECLARE
    p text := test.get('net-p');
    r test.reply;
    f text;
BEGIN
    PERFORM test.net_vps('net2', 'net-q', 'cheap');
    r := test.net('port_forward_create', p, '{"protocol":"tcp","port":22}', '{"idempotency":{"key":"f1","hash":"h"}}');
    PERFORM test.is((r.status, r.body->'port_forward'->>'host_port')::text, '(202,20000)', 'a port is forwarded: the first that is free');
    f := r.body->'port_forward'->>'id';
    PERFORM test.is(test.newest_spec(p)->'forwards', '[{"protocol":"tcp","host_port":20000,"port":22,"address":"10.99.0.2"}]'::jsonb,
        'its node is told');
    r := test.api('net2', 'port_forward_create', jsonb_build_object('id', test.get('net-q'), 'idempotency', '{"key":"f2","hash":"h"}'::jsonb,
        'body', '{"protocol":"tcp","port":22,"host_port":20000}'::jsonb));
    PERFORM test.is((r.status, r.pointer)::text, '(409,/host_port)', 'nobody else gets that port of the node');
    PERFORM test.is((test.net('port_forward_create', p, '{"protocol":"tcp","port":22,"host_port":80}', '{"idempotency":{"key":"f3","hash":"h"}}')).pointer,
        '/host_port', 'nor anybody one of the node''s own');
    PERFORM test.is((test.net('port_forward_create', p, '{"protocol":"icmp","port":22}', '{"idempotency":{"key":"f4","hash":"h"}}')).pointer,
        '/protocol', 'tcp and udp only');
    PERFORM test.is((test.api('net2', 'port_forward_create', jsonb_build_object('id', p, 'idempotency', '{"key":"f5","hash":"h"}'::jsonb,
        'body', '{"protocol":"tcp","port":22}'::jsonb))).status, 404, 'a foreign vps is not there');
    PERFORM test.is((test.api('net2', 'port_forward_delete', jsonb_build_object('id', f))).status, 404, 'nor is a foreign forward');
    PERFORM test.is(jsonb_array_length((test.net('port_forward_list', p)).body->'items'), 1, 'it is listed');
    PERFORM test.is((test.net('port_forward_read', f)).body->>'port', '22', 'and read');
    PERFORM test.settle_all(p);
    r := test.net('port_forward_delete', f);
    PERFORM test.is((r.status, test.newest_spec(p)->'forwards')::text, '(202,[])', 'it is taken away');
    PERFORM test.is((test.net('port_forward_read', f)).status, 404, 'and no more seen');
    PERFORM test.is((SELECT count(*) FROM port_forwards WHERE id = f::uuid), 1::bigint, 'its port stays taken until the node has let go');
    PERFORM test.settle_all(p);
    PERFORM test.is((SELECT count(*) FROM port_forwards WHERE id = f::uuid), 0::bigint, 'then it is free');
    r := test.net('port_forward_create', p, '{"protocol":"udp","port":53}', '{"idempotency":{"key":"f6","hash":"h"}}');
    PERFORM test.settle_all(p);
END
$$;

-- Private networks.
DO $$
DECLARE
    a text := test.get('net-a');
    p text := test.get('net-p');
    r test.reply;
    n text;
BEGIN
    r := test.net('network_create', NULL, '{"name":"inside"}', '{"idempotency":{"key":"w1","hash":"h"}}');
    PERFORM test.is((r.status, r.body->>'ipv4', r.body->>'ipv6')::text, '(201,100.64.0.0/24,fd63:726f:6674::/64)', 'a network with ranges of its own');
    n := r.body->>'id';
    r := test.api('net2', 'network_create', '{"body":{"name":"inside"},"idempotency":{"key":"w2","hash":"h"}}');
    PERFORM test.is((r.body->>'ipv4', r.body->>'ipv6')::text, '(100.64.1.0/24,fd63:726f:6674:1::/64)', 'another has others');
    PERFORM test.is((test.net('network_create', NULL, '{"name":"inside"}', '{"idempotency":{"key":"w3","hash":"h"}}')).status, 409, 'a name is unique');
    r := test.net('network_join', n, jsonb_build_object('vps_id', a), '{"idempotency":{"key":"w4","hash":"h"}}');
    PERFORM test.is((r.status, r.body->'network'->'members'->0->>'ipv4')::text, '(202,100.64.0.2)', 'a vps joins');
    PERFORM test.is((SELECT jsonb_agg(x) FROM jsonb_array_elements(test.newest_spec(a)->'addresses') x WHERE x->>'kind' = 'network'),
        '[{"family":4,"kind":"network","address":"100.64.0.2","network":"100.64.0.0/24"},'
        '{"family":6,"kind":"network","address":"fd63:726f:6674::2","network":"fd63:726f:6674::/64"}]'::jsonb, 'its node is told');
    PERFORM test.settle_all(a);
    PERFORM test.is((test.net('network_join', n, jsonb_build_object('vps_id', a), '{"idempotency":{"key":"w5","hash":"h"}}')).status, 409, 'once');
    PERFORM test.is((test.net('network_join', n, jsonb_build_object('vps_id', test.get('net-q')), '{"idempotency":{"key":"w6","hash":"h"}}')).status,
        404, 'a foreign vps does not');
    PERFORM test.is((test.api('net2', 'network_join', jsonb_build_object('id', n, 'body', jsonb_build_object('vps_id', test.get('net-q')),
        'idempotency', '{"key":"w7","hash":"h"}'::jsonb))).status, 404, 'nor into a foreign network');
    PERFORM test.is((test.net('network_join', n, jsonb_build_object('vps_id', p), '{"idempotency":{"key":"w8","hash":"h"}}')).body->'network'->'members'->1->>'ipv4',
        '100.64.0.3', 'a second one');
    PERFORM test.settle_all(p);
    PERFORM test.is((test.net('network_delete', n)).status, 409, 'a network with members stays');
    r := test.api('net', 'network_leave', jsonb_build_object('id', n, 'query', jsonb_build_object('vps_id', a)));
    PERFORM test.is((r.status, jsonb_array_length(r.body->'network'->'members'))::text, '(202,1)', 'one leaves');
    PERFORM test.is((SELECT count(*) FROM network_members WHERE vps_id = a::uuid), 1::bigint, 'its address is kept until the node has let go');
    PERFORM test.settle_all(a);
    PERFORM test.is((SELECT count(*) FROM network_members WHERE vps_id = a::uuid), 0::bigint, 'then it is free');
    r := test.net('network_create', NULL, '{"name":"short"}', '{"idempotency":{"key":"w9","hash":"h"}}');
    PERFORM test.is((test.net('network_delete', r.body->>'id')).status, 204, 'one without goes');
END
$$;

-- Names, and what becomes of a vps's network with its end.
DO $$
DECLARE
    a text := test.get('net-a');
    r test.reply;
    c record;
BEGIN
    PERFORM test.is(croft_reverse_name('198.51.100.2'), '2.100.51.198.in-addr.arpa.', 'the reverse of an IPv4 address');
    PERFORM test.is(croft_reverse_name('2001:db8::1'), '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.', 'and of an IPv6 one');
    r := test.net('rdns_read', a);
    PERFORM test.is(r.body->'names', '[]'::jsonb, 'no names at first');
    PERFORM test.is((test.net('rdns_set', a, '{"names":[{"address":"198.51.100.2","name":"Mail.example.org"}]}', '{"if_match":"*"}')).pointer,
        '/names/0/name', 'a name is checked');
    PERFORM test.is((test.net('rdns_set', a, '{"names":[{"address":"10.99.0.3","name":"mail.example.org"}]}', '{"if_match":"*"}')).pointer,
        '/names/0/address', 'a private address has none');
    PERFORM test.is((test.net('rdns_set', a, '{"names":[{"address":"192.0.2.1","name":"mail.example.org"}]}', '{"if_match":"*"}')).pointer,
        '/names/0/address', 'nor has a foreign one');
    PERFORM test.is((test.api('ada', 'rdns_read', jsonb_build_object('id', a))).status, 404, 'nobody else reads names');
    r := test.net('rdns_set', a, '{"names":[{"address":"198.51.100.2","name":"mail.example.org"}]}', jsonb_build_object('if_match', r.etag));
    PERFORM test.is((r.status, r.body->'names'->0->>'name')::text, '(200,mail.example.org)', 'a name is set');
    SELECT * INTO c FROM croft_rdns_claim();
    PERFORM test.is((c.address, c.reverse, c.name)::text, '(198.51.100.2,2.100.51.198.in-addr.arpa.,mail.example.org)', 'name servers are to be told');
    PERFORM test.is((SELECT count(*) FROM croft_rdns_claim()), 0::bigint, 'by one');
    PERFORM croft_rdns_done(c.address, c.serial, 'no answer');
    PERFORM test.is((SELECT error FROM rdns_changes), 'no answer', 'a failure is kept');
    r := test.net('rdns_set', a, '{"names":[{"address":"198.51.100.2","name":"www.example.org"}]}', jsonb_build_object('if_match', r.etag));
    PERFORM test.is((SELECT count(*) FROM croft_rdns_claim()), 0::bigint, 'what changed after a failure waits until that request is surely over');
    UPDATE rdns_changes SET next_at = now(), claimed_until = now();
    SELECT * INTO c FROM croft_rdns_claim();
    r := test.net('rdns_set', a, '{"names":[]}', jsonb_build_object('if_match', r.etag));
    PERFORM test.is((SELECT count(*) FROM croft_rdns_claim()), 0::bigint, 'what changes while name servers are told is not told beside it');
    PERFORM croft_rdns_done(c.address, c.serial - 1, NULL);
    PERFORM test.is((SELECT count(*) FROM croft_rdns_claim()), 0::bigint, 'nor after the answer to an older one');
    PERFORM croft_rdns_done(c.address, c.serial, NULL);
    PERFORM test.is((SELECT (name, serial > c.serial)::text FROM croft_rdns_claim()), '(,t)', 'but after the answer to that one');
    PERFORM croft_rdns_done(c.address, c.serial, NULL);
    PERFORM test.is((SELECT count(*) FROM rdns_changes), 1::bigint, 'which settles no other');
    PERFORM croft_rdns_done(x.address::text, x.serial, NULL) FROM rdns_changes x;
    PERFORM test.is((SELECT count(*) FROM rdns_changes), 0::bigint, 'what was told is settled');
    r := test.net('rdns_set', a, '{"names":[{"address":"198.51.100.2","name":"www.example.org"}]}', jsonb_build_object('if_match', r.etag));
    PERFORM test.is((SELECT count(*) FROM croft_rdns_claim()), 1::bigint, 'a new change is told at once');
    PERFORM croft_rdns_done(c.address, c.serial, NULL);
    PERFORM test.is((SELECT count(*) FROM rdns_changes), 1::bigint, 'and not settled by a late answer to an older one');
    PERFORM croft_rdns_done(x.address::text, x.serial, NULL) FROM rdns_changes x;

    r := test.net_vps('net', 'net-none', 'public_plan');
    PERFORM test.is(r.status, 409, 'the only address is taken');
    PERFORM test.net('firewall_set', a, '{"rules":[],"policy_in":"drop"}', '{"if_match":"*"}');
    PERFORM test.settle_all(a);
    PERFORM test.net('vps_delete', a);
    PERFORM test.settle(t.id::text, 'done', 'absent') FROM (SELECT id FROM tasks WHERE vps_id = a::uuid AND ended_at IS NULL) t;
    PERFORM test.is((SELECT (address, name)::text FROM rdns_changes), '(198.51.100.2,)', 'with the vps its name goes');
    PERFORM test.is((SELECT count(*) FROM firewalls WHERE vps_id = a::uuid), 0::bigint, 'and its firewall');
    r := test.net_vps('net', 'net-none', 'public_plan');
    PERFORM test.is((r.status, r.code)::text, '(409,pool_exhausted)', 'its address is in quarantine');
    PERFORM test.ok(r.body->>'detail' LIKE '%the next one can be given from %Z%', 'and the answer says until when', r.body->>'detail');
    UPDATE addresses SET freed_at = now() - interval '2 hours' WHERE freed_at IS NOT NULL;
    r := test.net_vps('net', 'net-b', 'public_plan');
    PERFORM test.is((r.status, r.body->'vps'->'addresses'->0->>'address')::text, '(202,198.51.100.2)', 'then it is given again');
    PERFORM test.net('rdns_set', test.get('net-b'), '{"names":[{"address":"198.51.100.2","name":"new.example.org"}]}', '{"if_match":"*"}');
    PERFORM test.is((SELECT name FROM rdns_changes), 'new.example.org', 'and may get another name');
    PERFORM test.consistent('with networks');
END
$$;
