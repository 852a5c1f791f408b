-- The life of a node: reserve, tags, placement and its answers, alarms, maintenance, what is lost, orphans, drift, the end.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v text;
    v_location text;
    a text;
    b text;
    h jsonb;
    t text;
    e bigint;
    v_more jsonb;
    v_before bigint;
    one record;
    v_image text;
BEGIN
    r := test.api('op', 'admin_location_create', '{"body":{"name":"ams","title":"Amsterdam"}}');
    v_location := r.body->>'id';
    PERFORM test.is(r.body->>'placement', 'spread', 'a location spreads its vps');
    a := test.node('ams1', v_location::uuid, 8, 17179869184, 1099511627776);
    b := test.node('ams2', v_location::uuid, 8, 17179869184, 1099511627776);
    PERFORM test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'ams4', 'cidr', '10.90.0.0/24', 'location_id', v_location)));
    PERFORM test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'ams6', 'cidr', 'fd90::/64', 'location_id', v_location)));
    PERFORM test.tenant('nora', '{"vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null,"snapshots":null}');
    v_more := jsonb_build_object('plan_id', test.get('plan'), 'image_id', test.get('image'), 'location_id', v_location);

    -- Spread and pack.
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"n1"}'));
    q := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"n2"}'));
    PERFORM test.ok(r.body->'vps'->>'node_id' <> q.body->'vps'->>'node_id', 'two vps are spread over two nodes');
    PERFORM test.api('op', 'admin_location_update', jsonb_build_object('id', v_location, 'if_match', '*', 'body', '{"placement":"pack"}'::jsonb));
    UPDATE nodes SET used_memory_bytes = used_memory_bytes + 1 WHERE id = b::uuid;
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"n3"}'));
    UPDATE nodes SET used_memory_bytes = used_memory_bytes - 1 WHERE id = b::uuid;
    PERFORM test.is(r.body->'vps'->>'node_id', b, 'where vps are packed the fuller node is taken');
    PERFORM test.api('op', 'admin_location_update', jsonb_build_object('id', v_location, 'if_match', '*', 'body', '{"placement":"spread"}'::jsonb));

    -- A group is kept apart: where it can be, or always.
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"web1","anti_affinity_group":"web","anti_affinity":"hard"}'));
    q := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"web2","anti_affinity_group":"web","anti_affinity":"hard"}'));
    PERFORM test.ok(r.body->'vps'->>'node_id' <> q.body->'vps'->>'node_id', 'a hard group is on different nodes');
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"web3","anti_affinity_group":"web","anti_affinity":"hard"}'));
    PERFORM test.is((r.status, r.code, r.pointer)::text, '(409,no_capacity,/anti_affinity_group)', 'or nowhere');
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"web3","anti_affinity_group":"web"}'));
    PERFORM test.is((r.status, r.body->'vps'->>'anti_affinity')::text, '(202,soft)', 'a soft one goes where there is room');

    -- Tags and dedicated nodes.
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"tags":["nvme","nvme","big"],"dedicated":true}'::jsonb));
    r := test.api('op', 'admin_node_read', jsonb_build_object('id', a));
    PERFORM test.is(r.body->'tags', '["big","nvme"]', 'tags are a set');
    r := test.api('op', 'admin_placement_read', jsonb_build_object('query', jsonb_build_object('plan_id', test.get('plan'), 'location_id', v_location)));
    PERFORM test.is((SELECT n->'reasons' FROM jsonb_array_elements(r.body->'nodes') n WHERE n->>'node_id' = a), '["tags"]', 'a dedicated node takes no plan without its tags');
    PERFORM test.is(r.body->>'node_id', b, 'the placement says where the next one goes');
    UPDATE plans SET node_tags = '{nvme}' WHERE id = test.get('plan')::uuid;
    r := test.api('op', 'admin_placement_read', jsonb_build_object('query', jsonb_build_object('plan_id', test.get('plan'), 'location_id', v_location)));
    PERFORM test.is(r.body->>'node_id', a, 'a plan with tags goes to nodes that have them');
    UPDATE plans SET node_tags = '{}' WHERE id = test.get('plan')::uuid;
    PERFORM test.is((test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"tags":[]}'::jsonb))).status, 422,
        'a node dedicated to nothing is refused');
    PERFORM test.is((test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"tags":["A B"]}'::jsonb))).pointer, '/tags',
        'a tag is a word');
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"tags":[],"dedicated":false}'::jsonb));

    -- The reserve is nobody's; what is left is said in whole vps.
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"reserve_memory_bytes":17179869183}'::jsonb));
    r := test.api('op', 'admin_node_read', jsonb_build_object('id', a));
    PERFORM test.is((r.body->'sellable'->>'memory_bytes', r.body->'reserve'->>'memory_bytes')::text, '(1,17179869183)', 'what is reserved is not sold');
    BEGIN
        UPDATE nodes SET used_memory_bytes = used_memory_bytes + 1 WHERE id = a::uuid;
        PERFORM test.ok(false, 'whoever writes');
    EXCEPTION WHEN SQLSTATE 'CR409' THEN
        PERFORM test.ok(true, 'whoever writes');
    END;
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"state":"draining"}'::jsonb));
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"no"}'));
    PERFORM test.is((r.status, r.code, r.body->>'detail' ~ 'memory on')::text, '(409,no_capacity,f)', 'a tenant is not told of nodes');
    r := test.api('op', 'vps_create', jsonb_build_object('body', v_more || '{"name":"no"}'));
    PERFORM test.is(r.body->>'detail' LIKE '%Nodes: 2; draining on 1, memory on 1.', true, 'staff are told why not on how many');
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"nano","vcpus":1,"memory_bytes":1,"disk_bytes":1073741824}}');
    UPDATE nodes SET reserve_memory_bytes = capacity_memory_bytes - used_memory_bytes - 16777216 WHERE id = a::uuid;
    UPDATE plan_versions SET memory_bytes = 16777216 WHERE plan_id = (r.body->>'id')::uuid;
    r := test.api('nora', 'vps_create', jsonb_build_object('body', v_more || '{"name":"no"}'));
    PERFORM test.is(r.body->>'detail' LIKE '%What would go there: nano.', true, 'a tenant is told what would fit');
    r := test.api('op', 'vps_create', jsonb_build_object('query', '{"dry_run":true}'::jsonb, 'body', v_more || jsonb_build_object('name', 'dry',
        'plan_id', (SELECT id FROM plans WHERE name = 'nano'))));
    PERFORM test.is((r.status, r.body->'placement'->>'node_id', jsonb_array_length(r.body->'placement'->'nodes'))::text, format('(200,%s,2)', a),
        'a dry run of staff says why there');
    UPDATE nodes SET reserve_memory_bytes = 0 WHERE id = a::uuid;

    -- The high-water mark and the node's own alarms.
    e := test.epoch(a);
    PERFORM test.hub(a, e, 'node_heartbeat', '{"disk_free_bytes":54975581388,"pool_bytes":1099511627776,"memory_free_bytes":1,"load_milli":1,"alarms":[{"code":"lxcfs_down","detail":"gone"}]}');
    r := test.api('op', 'admin_node_read', jsonb_build_object('id', a));
    PERFORM test.is((r.body->'alarms'->0->>'code', r.body->'alarms'->1->>'code')::text, '(lxcfs_down,pool_high_water)', 'a full pool and a dead lxcfs are alarms');
    r := test.api('op', 'admin_placement_read', jsonb_build_object('query', jsonb_build_object('plan_id', test.get('plan'), 'location_id', v_location)));
    PERFORM test.is((r.body->>'node_id', (SELECT n->'reasons' FROM jsonb_array_elements(r.body->'nodes') n WHERE n->>'node_id' = a))::text,
        '(,"[""pool""]")', 'above the mark a node gets no vps');
    v_before := (SELECT count(*) FROM events WHERE subject_id = a::uuid AND action LIKE 'node.alarm%');
    PERFORM test.is(v_before, 2::bigint, 'each alarm is an event');
    PERFORM test.hub(a, e, 'node_heartbeat', '{"disk_free_bytes":120000000000,"alarms":[]}');
    PERFORM test.is((SELECT string_agg(k, ' ') FROM node_status s, jsonb_object_keys(s.alarms) k WHERE s.node_id = a::uuid), 'pool_high_water',
        'an alarm ends with its cause, that of the mark only well below it');
    PERFORM test.hub(a, e, 'node_heartbeat', '{"disk_free_bytes":900000000000}');
    PERFORM test.is((SELECT s.alarms FROM node_status s WHERE s.node_id = a::uuid), '{}', 'then it is over');
    PERFORM test.is((SELECT count(*) FROM events WHERE subject_id = a::uuid AND action LIKE 'node.alarm%'), 4::bigint, 'and that is an event, too');
    PERFORM test.hub(a, e, 'node_heartbeat', '{"disk_free_bytes":1,"pool_bytes":1099511627776,"alarms":[{"code":"unreachable","detail":"x"},{"code":"Bad Code","detail":"x"}]}');
    PERFORM test.is((SELECT string_agg(k, ' ') FROM node_status s, jsonb_object_keys(s.alarms) k WHERE s.node_id = a::uuid), 'pool_high_water',
        'a node raises no alarm that is not its own');
    PERFORM test.hub(a, e, 'node_heartbeat', '{"disk_free_bytes":900000000000}');

    -- Maintenance: orders wait, and their time does not run.
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"state":"maintenance"}'::jsonb));
    v := (SELECT id FROM vps WHERE node_id = a::uuid AND name = 'web1' UNION ALL SELECT id FROM vps WHERE node_id = a::uuid LIMIT 1);
    PERFORM test.settle(k.id::text, 'done', 'running') FROM tasks k WHERE k.vps_id = v::uuid AND k.ended_at IS NULL;
    r := test.api('nora', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.is(r.status, 202, 'an order of a vps on a node in maintenance is taken');
    PERFORM test.is((SELECT count(*) FROM test.hub(a, test.epoch(a), 'node_tasks', '{}') x WHERE x->>'vps' = v), 0::bigint, 'and waits');
    UPDATE tasks SET created_at = now() - interval '1 hour' WHERE vps_id = v::uuid AND ended_at IS NULL;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    PERFORM test.is((SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'queued', 'for as long as it takes');
    q := test.api('op', 'admin_node_read', jsonb_build_object('id', a));
    PERFORM test.is((q.body->>'state', q.body->>'status')::text, '(maintenance,maintenance)', 'the node says so');
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"state":"active"}'::jsonb));
    PERFORM test.is((SELECT count(*) FROM test.hub(a, test.epoch(a), 'node_tasks', '{}') x WHERE x->>'vps' = v), 1::bigint, 'then it is sent');
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    PERFORM test.is((SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'queued', 'and has its whole time');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');

    -- A node that is not heard of.
    UPDATE node_status SET last_seen_at = now() - interval '1 minute' WHERE node_id = a::uuid;
    PERFORM croft_housekeeping('{}');
    q := test.api('op', 'admin_node_read', jsonb_build_object('id', a));
    PERFORM test.is((q.body->>'status', q.body->'alarms'->0->>'code')::text, '(unreachable,unreachable)', 'a node that is away is an alarm');
    PERFORM test.hub(a, test.epoch(a), 'node_heartbeat', '{"disk_free_bytes":900000000000}');
    PERFORM test.is((SELECT s.alarms FROM node_status s WHERE s.node_id = a::uuid), '{}', 'until it is back');

    -- Orphans: deleted, or adopted with quota, ranges and addresses.
    t := croft_uuid();
    h := jsonb_build_object('full', false, 'vps', jsonb_build_array(jsonb_build_object('vps', t, 'generation', 7, 'observed', 'running', 'slot', 40),
        jsonb_build_object('vps', croft_uuid_max(), 'generation', 0, 'observed', 'stopped')));
    PERFORM test.hub(a, test.epoch(a), 'node_inventory', h);
    r := test.api('op', 'admin_orphan_list', jsonb_build_object('id', a));
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'adoptable', r.body->'items'->1->>'adoptable')::text, '(2,true,false)', 'orphans are listed');
    PERFORM test.is((x.status, x.pointer)::text, '(422,/tenant_id)', 'adopting says whose it is')
        FROM test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', t))) x;
    -- Nobody's vps is made from what another tenant keeps for itself, or from what is no image yet.
    FOR one IN SELECT * FROM (VALUES (croft_root(), 'ready'), ((SELECT id FROM tenants WHERE name = 'nora'), 'failed'),
        ((SELECT id FROM tenants WHERE name = 'nora'), 'creating')) y (tenant, state)
    LOOP
        INSERT INTO images (tenant_id, name, title, os, arch, state, active, public, sha256, size, signature)
        SELECT y.tenant, 'kept ' || y.state, i.title, i.os, i.arch, y.state, false, false, i.sha256, i.size, i.signature
            FROM images i, (VALUES (one.tenant, one.state)) y (tenant, state) WHERE i.id = test.get('image')::uuid
        RETURNING id::text INTO v_image;
        q := test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', t, 'tenant_id', (SELECT id FROM tenants WHERE name = 'nora'),
            'plan_id', test.get('plan'), 'image_id', v_image, 'name', 'foundling')));
        PERFORM test.is((q.status, q.pointer)::text, '(422,/image_id)', format('not with an image that is %s of %s', one.state, one.tenant));
    END LOOP;
    q := test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', t, 'tenant_id', (SELECT id FROM tenants WHERE name = 'nora'),
        'plan_id', test.get('plan'), 'image_id', test.get('image'), 'name', 'foundling')));
    PERFORM test.is((q.status, q.body->'vps'->>'desired', q.body->'vps'->>'generation', q.body->'task'->>'kind')::text, '(202,running,8,vps_update)', 'an orphan is adopted');
    PERFORM test.is((SELECT slot FROM vps WHERE id = t::uuid), 40, 'with the range of ids that it has');
    PERFORM test.consistent('after an adoption');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'running');
    PERFORM test.is((test.api('nora', 'vps_read', jsonb_build_object('id', t))).body->>'observed', 'running', 'and is a vps like any other');
    r := test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', croft_uuid_max(), 'tenant_id', (SELECT id FROM tenants WHERE name = 'nora'),
        'plan_id', test.get('plan'), 'image_id', test.get('image'), 'name', 'nameless')));
    PERFORM test.is((r.status, r.code)::text, '(409,conflict)', 'what the node has no record of is not adopted');
    r := test.api('op', 'admin_orphan_delete', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', croft_uuid_max())));
    PERFORM test.is((r.status, r.body->>'kind')::text, '(202,vps_delete)', 'but deleted');
    PERFORM test.is((SELECT x->'spec'->'image'->>'name' FROM test.hub(a, test.epoch(a), 'node_tasks', '{}') x WHERE x->>'task' = r.body->>'id'), 'none', 'its node is told so');
    PERFORM test.settle(r.body->>'id', 'done', 'absent');
    PERFORM test.hub(a, test.epoch(a), 'node_inventory', jsonb_build_object('full', false, 'vps', jsonb_build_array(
        jsonb_build_object('vps', croft_uuid_max(), 'generation', 1, 'observed', 'absent'))));
    r := test.api('op', 'admin_orphan_list', jsonb_build_object('id', a));
    PERFORM test.is(jsonb_array_length(r.body->'items'), 0, 'then there are none');
    PERFORM test.consistent('after an orphan was deleted');

    -- A node that names ever new ones.
    FOR one IN SELECT n FROM generate_series(1, 3) n LOOP
        PERFORM test.hub(a, test.epoch(a), 'node_inventory', jsonb_build_object('full', false, 'vps', (SELECT jsonb_agg(
            jsonb_build_object('vps', gen_random_uuid(), 'generation', 1, 'observed', 'stopped')) FROM generate_series(1, 4000))));
    END LOOP;
    PERFORM test.is((SELECT count(*) FROM node_orphans WHERE node_id = a::uuid), 10000::bigint, 'no node makes more rows than it can have vps');
    PERFORM test.hub(a, test.epoch(a), 'node_inventory', '{"full":true,"vps":[]}');
    PERFORM test.is((SELECT count(*) FROM node_orphans WHERE node_id = a::uuid), 0::bigint, 'and they go when it no longer names them');

    -- Drift.
    h := test.hub(a, test.epoch(a), 'node_drift', '{"items":[{"kind":"cgroup","name":"x"},{"kind":"veth","name":"crv99","detail":"d"}]}');
    PERFORM test.is(h, '{"type":"drift_clean","items":[]}', 'nothing is removed by itself');
    r := test.api('op', 'admin_drift_clean', jsonb_build_object('id', a, 'body', '{"kind":"veth","name":"crv99"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'clean_ordered_at' IS NOT NULL)::text, '(202,t)', 'an operator orders it');
    PERFORM test.is((test.api('op', 'admin_drift_clean', jsonb_build_object('id', a, 'body', '{"kind":"veth","name":"no"}'::jsonb))).status, 404, 'of what is there');
    h := test.hub(a, test.epoch(a), 'node_drift', '{"items":[{"kind":"cgroup","name":"x"},{"kind":"veth","name":"crv99","detail":"d"}]}');
    PERFORM test.is(h->'items', '[{"kind":"veth","name":"crv99"}]', 'the node is told');
    UPDATE node_drift SET first_seen_at = now() - interval '1 hour';
    PERFORM croft_housekeeping('{}');
    PERFORM test.is((SELECT s.alarms->'drift' IS NOT NULL FROM node_status s WHERE s.node_id = a::uuid), true, 'what stays is an alarm');
    PERFORM test.hub(a, test.epoch(a), 'node_drift', '{"items":[]}');
    PERFORM croft_housekeeping('{}');
    PERFORM test.is((SELECT s.alarms FROM node_status s WHERE s.node_id = a::uuid), '{}', 'until it is gone');
    PERFORM test.is((test.hub(a, test.epoch(a), 'node_drift', '{"items":[{"kind":"A","name":"x"}]}'))->>'failed', 'CR422', 'a malformed report is refused');

    -- The report of croft-agent check: as it was written, or not at all.
    h := '{"at":"2026-11-30T12:00:00Z","version":"1","form":"short","host":{"kernel":"6.1"},"features":[{"name":"AppArmor","present":false,"consequence":"less"}],
        "fidelity":[{"name":"df","passed":true,"said":""}],"escapes":[{"name":"mount","refused":true}],"efficiency":[{"name":"cpu","unit":"x","wanted":0.98,"host":[1,2],
        "guest":[1,2],"ratios":[1,1],"ratio":1,"spread":0,"measured":true}],"limits":[{"name":"disk","unit":"bytes","limit":1e9,"got":1e9,"overshoot":0,"wanted":0.01,
        "measured":true}],"machine":[{"name":"computes","unit":"cpu","quiet":[1],"loud":[1],"losses":[0],"loss":0,"spread":0,"measured":true}],"neighbour":[{"name":"hog","unit":"cpu","wanted":0.05,"quiet":[1],"loud":[1],"losses":[0],"loss":0,"spread":0,"uncharged":0.1,"alive":true,"measured":true}],
        "reasons":["less"],"verdict":"missed"}';
    r := test.api('op', 'admin_check_report_read', jsonb_build_object('id', b));
    PERFORM test.is((r.status, r.body->'report', r.etag)::text, '(200,null,"""1""")', 'no report is none, not a fault');
    r := test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'body', h));
    PERFORM test.is((r.status, r.body->'report' = h)::text, '(200,t)', 'it is kept as it is');
    PERFORM test.is((test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'body', h))).status, 428, 'the next one names what it replaces');
    q := test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'if_match', r.etag, 'body', h || '{"verdict":"good","reasons":[]}'));
    PERFORM test.is((q.status, q.body->'report'->>'verdict', q.etag <> r.etag)::text, '(200,good,t)', 'and replaces it');
    PERFORM test.is((test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'if_match', r.etag, 'body', h))).status, 412, 'once');
    PERFORM test.is((SELECT data->'after'->'check'->>'verdict' FROM events WHERE action = 'node.check_reported' ORDER BY id DESC LIMIT 1), 'good',
        'the audit log has the verdict');
    FOR one IN SELECT * FROM (VALUES
        ('{"escapes":{}}', '/escapes'), ('{"escapes":[1]}', '/escapes/0'), ('{"escapes":[{"name":"a"}]}', '/escapes/0/refused'),
        ('{"escapes":[{"name":"a","refused":"yes"}]}', '/escapes/0/refused'), ('{"escapes":[{"name":"a","refused":true,"x":1}]}', '/escapes/0'),
        ('{"escapes":[{"name":"a\u001b[31m","refused":true}]}', '/escapes/0/name'), ('{"escapes":[{"name":"\u202e","refused":true}]}', '/escapes/0/name'),
        ('{"limits":[{"name":"a","unit":"b","limit":1e40,"got":1,"overshoot":0,"wanted":0,"measured":true}]}', '/limits/0/limit'),
        ('{"efficiency":[{"name":"a","unit":"b","wanted":1,"host":["x"],"guest":[],"ratios":[],"ratio":1,"spread":0,"measured":true}]}', '/efficiency/0/host'),
        ('{"neighbour":null}', '/neighbour'), ('{"machine":[{"name":"a"}]}', '/machine/0/loss')) x (part, at)
    LOOP
        q := test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'if_match', '*', 'body', h || one.part::jsonb));
        PERFORM test.is((q.status, q.pointer)::text, format('(422,%s)', one.at), 'a report that is none is refused: ' || one.part);
    END LOOP;
    h := h || jsonb_build_object('fidelity', (SELECT jsonb_agg(jsonb_build_object('name', repeat('n', 300), 'passed', true, 'said', repeat('s', 300))) FROM generate_series(1, 201)));
    q := test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'if_match', '*', 'body', h));
    PERFORM test.is((q.status, q.pointer)::text, '(422,/fidelity)', 'nor one of more rows than a check has');
    h := h || jsonb_build_object('fidelity', (h->'fidelity') - 200, 'features', (SELECT jsonb_agg(jsonb_build_object('name', repeat('n', 300), 'present', true, 'consequence',
        repeat('s', 300))) FROM generate_series(1, 200)), 'escapes', (SELECT jsonb_agg(jsonb_build_object('name', repeat('n', 300), 'refused', true)) FROM generate_series(1, 200)));
    PERFORM test.is((test.api('op', 'admin_check_report_set', jsonb_build_object('id', b, 'if_match', '*', 'body', h))).status, 422, 'nor one that is too large');
    PERFORM test.is((test.api('op', 'admin_check_report_set', jsonb_build_object('id', gen_random_uuid(), 'body', h))).status, 404, 'nor one of no node');

    -- Lost: only with a node that cannot come back by itself.
    PERFORM test.is((test.api('op', 'admin_vps_lose', jsonb_build_object('id', t))).status, 409, 'a vps whose node is there is not given up');
    PERFORM test.is((test.api('op', 'admin_node_retire', jsonb_build_object('id', a, 'body', '{}'::jsonb))).status, 409, 'nor is a node retired with vps on it');
    r := test.api('nora', 'vps_delete', jsonb_build_object('id', v));
    PERFORM test.api('op', 'admin_node_revoke', jsonb_build_object('id', a));
    q := test.api('op', 'admin_vps_lose', jsonb_build_object('id', t));
    PERFORM test.is((q.status, q.body->'error'->>'code', q.body->>'desired', jsonb_array_length(q.body->'addresses'))::text, '(200,vps_lost,stopped,0)', 'a vps is given up');
    PERFORM test.consistent('after a vps was given up');
    PERFORM test.is((x.status, x.code)::text, '(409,vps_lost)', 'no order of it is taken') FROM test.api('nora', 'vps_start', jsonb_build_object('id', t)) x;

    -- Its node is back after all: it is stopped there, and can be had back.
    r := test.api('op', 'admin_join_token_create', jsonb_build_object('body', jsonb_build_object('location_id', v_location, 'token_hash', test.hash('back'))));
    PERFORM croft_node_join(test.hash('back'), test.hash('key back'), 'ams1', NULL);
    UPDATE node_certificates SET revoked_at = NULL WHERE node_id = a::uuid;
    e := test.hello(a, 8, 17179869184, 1099511627776, jsonb_build_array(jsonb_build_object('vps', t, 'generation', 8, 'observed', 'running', 'slot', 40)));
    PERFORM test.is((SELECT k.spec->>'desired' || ' ' || jsonb_array_length(k.spec->'addresses') FROM tasks k WHERE k.vps_id = t::uuid AND ended_at IS NULL), 'stopped 0',
        'what was given up and runs is stopped');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = t::uuid), 'done', 'stopped');
    PERFORM test.is((test.api('nora', 'vps_read', jsonb_build_object('id', t))).body->'error'->>'code', 'vps_lost', 'and still is lost');
    r := test.api('op', 'admin_orphan_list', jsonb_build_object('id', a));
    PERFORM test.is((r.body->'items'->0->>'vps_id', r.body->'items'->0->>'lost')::text, format('(%s,true)', t), 'it is among the orphans');
    q := test.api('op', 'admin_orphan_adopt', jsonb_build_object('id', a, 'body', jsonb_build_object('vps_id', t)));
    PERFORM test.is((q.status, q.body->'vps'->'error', jsonb_array_length(q.body->'vps'->'addresses'))::text, '(202,null,2)', 'and is its owner''s again');
    PERFORM test.consistent('after what was lost was had back');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'stopped');

    -- The end of a node, with all that is on it.
    PERFORM test.api('nora', 'snapshot_create', jsonb_build_object('id', t, 'body', '{"name":"s"}'::jsonb));
    r := test.api('nora', 'vps_delete', jsonb_build_object('id', v));
    q := test.api('op', 'admin_node_retire', jsonb_build_object('id', a, 'body', '{"lose_vps":true}'::jsonb));
    PERFORM test.is((q.status, q.body->>'status', q.body->'used'->>'vps')::text, '(200,retired,0)', 'a node is retired with what is on it');
    PERFORM test.consistent('after a node was retired');
    PERFORM test.is((test.api('nora', 'vps_read', jsonb_build_object('id', v))).status, 404, 'a delete that waited for it waits no more');
    PERFORM test.is((SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'failed', 'its task has ended');
    q := test.api('nora', 'vps_delete', jsonb_build_object('id', t));
    PERFORM test.is((q.status, q.body->'task'->>'status')::text, '(202,done)', 'what was lost is deleted at once');
    PERFORM test.is((test.api('nora', 'vps_read', jsonb_build_object('id', t))).status, 404, 'and is gone');
    PERFORM test.is((test.hub(a, e, 'node_heartbeat', '{}'))->>'failed', 'CR403', 'a retired node may not speak');
    PERFORM test.is((test.api('op', 'admin_node_update', jsonb_build_object('id', a, 'if_match', '*', 'body', '{"state":"active"}'::jsonb))).status, 409, 'and stays retired');
    PERFORM test.consistent('at the end of a node');
    PERFORM test.api('op', 'admin_node_update', jsonb_build_object('id', b, 'if_match', '*', 'body', '{"state":"draining"}'::jsonb));
END
$$;
