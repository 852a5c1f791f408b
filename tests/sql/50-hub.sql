-- Joining, hello, inventories, fencing, deadlines.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v text;
    n2 text := test.node('node2', test.get('location')::uuid, 8, 17179869184, 1099511627776);
    e bigint;
    b bigint;
    t text;
    h jsonb;
BEGIN
    PERFORM test.set('node2', n2);
    PERFORM test.is(croft_node_join(test.hash('join node2'), test.hash('key node2'), 'node2', NULL)::text, n2,
        'a join token with the same key again gets the same node');
    BEGIN
        PERFORM croft_node_join(test.hash('join node2'), test.hash('key other'), 'node9', NULL);
        PERFORM test.ok(false, 'and with another key none');
    EXCEPTION WHEN SQLSTATE 'CR403' THEN
        PERFORM test.ok(true, 'and with another key none');
    END;
    r := test.api('op', 'admin_join_token_create', jsonb_build_object('body', jsonb_build_object(
        'location_id', test.get('location'), 'token_hash', test.hash('j3'), 'expires_in', 60)));
    PERFORM test.is(r.status, 201, 'a join token is made');
    BEGIN
        PERFORM croft_node_join(test.hash('j3'), test.hash('k3'), 'node1', NULL);
        PERFORM test.ok(false, 'a node name is unique');
    EXCEPTION WHEN SQLSTATE 'CR409' THEN
        PERFORM test.ok(true, 'a node name is unique');
    END;
    PERFORM test.is((test.api('op', 'admin_join_token_delete', jsonb_build_object('id', r.body->'id'))).status, 204, 'and deleted');

    -- All on node2 from here: node1 drains.
    UPDATE nodes SET state = 'draining' WHERE name = 'node1';
    r := test.vps('bob', 'hub1');
    v := r.body->'vps'->>'id';
    PERFORM test.is(r.body->'vps'->>'node_id', n2, 'a draining node gets no new vps');
    PERFORM test.is((test.hub(test.get('node'), test.epoch(test.get('node')), 'task_result',
        jsonb_build_object('task', r.body->'task'->'id', 'status', 'done', 'observed', 'running')))->>'type', 'task_confirm',
        'a result from another node is confirmed');
    PERFORM test.is((SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'queued', 'and ignored');
    PERFORM test.is((test.hub(n2, test.epoch(n2), 'task_result', '{"task":"x","status":"done"}'))->>'failed', 'CR422', 'a task id is a uuid');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');

    -- The owner powers the guest off: observed, not undone.
    e := test.epoch(n2);
    h := test.hub(n2, e, 'node_inventory', jsonb_build_object('full', true, 'vps', jsonb_build_array(
        jsonb_build_object('vps', v, 'generation', 1, 'observed', 'stopped'))));
    PERFORM test.is((h->>'tasks', (SELECT observed FROM vps WHERE id = v::uuid))::text, '(0,stopped)', 'a spontaneous stop is only seen');

    -- An order whose task is lost: the next hello makes a new one.
    r := test.api('bob', 'vps_start', jsonb_build_object('id', v));
    UPDATE tasks SET status = 'cancelled', ended_at = now() WHERE id = (r.body->'task'->>'id')::uuid;
    UPDATE vps SET task_id = NULL WHERE id = v::uuid;
    b := test.hello(n2, 8, 17179869184, 1099511627776, jsonb_build_array(jsonb_build_object('vps', v, 'generation', 1, 'observed', 'stopped')));
    PERFORM test.is(b, e + 1, 'a hello raises the epoch');
    SELECT kind INTO t FROM tasks WHERE vps_id = v::uuid AND ended_at IS NULL;
    PERFORM test.is(t, 'vps_update', 'what diverges gets a task');
    PERFORM test.is((test.hub(n2, e, 'node_heartbeat', '{}'))->>'failed', 'CR409', 'the older link is fenced off');
    PERFORM test.is((test.hub(n2, e, 'node_usage', '{"samples":[]}'))->>'failed', 'CR409', 'its usage, too');
    PERFORM test.hub(n2, e, 'node_offline', '{}');
    PERFORM test.is((SELECT online FROM node_status WHERE node_id = n2::uuid), true, 'its end does not put the new link offline');
    h := test.hub(n2, b, 'node_inventory', jsonb_build_object('full', true, 'vps', jsonb_build_array(
        jsonb_build_object('vps', v, 'generation', 1, 'observed', 'stopped'))));
    PERFORM test.is(h->>'tasks', '0', 'and only one');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'running');

    -- Deleted in the database and still there: a delete. Unknown: reported.
    r := test.api('bob', 'vps_delete', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
    b := test.hello(n2, 8, 17179869184, 1099511627776, jsonb_build_array(
        jsonb_build_object('vps', v, 'generation', 2, 'observed', 'running'),
        jsonb_build_object('vps', croft_uuid(), 'generation', 1, 'observed', 'running')));
    SELECT kind, id::text INTO q.code, t FROM tasks WHERE vps_id = v::uuid AND ended_at IS NULL;
    PERFORM test.is(q.code, 'vps_delete', 'a tombstone that is back is deleted');
    PERFORM test.is((SELECT count(*) FROM node_orphans WHERE node_id = n2::uuid), 1::bigint, 'what no row knows is reported');
    PERFORM test.settle(t, 'done', 'absent');
    PERFORM test.consistent('after a tombstone was deleted again');
    PERFORM test.hub(n2, b, 'node_inventory', '{"full":true,"vps":[]}');
    PERFORM test.is((SELECT count(*) FROM node_orphans), 0::bigint, 'until it is gone');

    -- A vps that its node lost.
    r := test.vps('bob', 'lost');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.hub(n2, b, 'node_inventory', '{"full":true,"vps":[]}');
    q := test.api('bob', 'vps_read', jsonb_build_object('id', r.body->'vps'->'id'));
    PERFORM test.is((q.body->>'observed', q.body->'error'->>'code')::text, '(absent,not_found)', 'a vps that its node lost says so');

    -- Deadlines: the create fails, its delete waits for the node; when that fails, too, the next hello tries again.
    r := test.vps('bob', 'late');
    v := r.body->'vps'->>'id';
    UPDATE tasks SET created_at = now() - interval '1 hour' WHERE id = (r.body->'task'->>'id')::uuid;
    UPDATE node_status SET last_seen_at = now() - interval '1 minute' WHERE node_id = n2::uuid;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    q := test.api('bob', 'task_read', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.body->>'status', q.body->'error'->>'code', q.body->'error'->>'status')::text, '(failed,node_unreachable,504)',
        'a task past its deadline fails');
    PERFORM test.is((SELECT desired || ' ' || (task_id IS NOT NULL) FROM vps WHERE id = v::uuid), 'deleted true', 'its vps is to be deleted');
    UPDATE tasks SET created_at = now() - interval '1 hour' WHERE ended_at IS NULL AND vps_id = v::uuid;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    UPDATE vps SET retry_at = now() WHERE retry_at IS NOT NULL;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    PERFORM test.is((SELECT task_id FROM vps WHERE id = v::uuid), NULL, 'a node that is away is not asked again');
    PERFORM test.is((test.vps('bob', 'no')).code, 'no_capacity', 'nor gets it a vps');
    PERFORM test.hello(n2, 8, 17179869184, 1099511627776, '[]');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'absent');
    PERFORM test.is((test.api('bob', 'vps_read', jsonb_build_object('id', v))).status, 404, 'until it comes back');
    PERFORM test.consistent('after a node was away');

    -- No room, no address.
    UPDATE plan_versions SET memory_bytes = 1::bigint << 45 WHERE plan_id = test.get('plan')::uuid;
    PERFORM test.is((test.vps('bob', 'big')).code, 'no_capacity', 'a plan larger than any node');
    UPDATE plan_versions SET memory_bytes = 1073741824 WHERE plan_id = test.get('plan')::uuid;
    UPDATE pools SET size = used WHERE family = 4;
    PERFORM test.is((test.vps('bob', 'dry')).code, 'pool_exhausted', 'an empty pool');
    UPDATE pools SET size = 1021 WHERE family = 4;
    BEGIN
        UPDATE nodes SET used_memory_bytes = used_memory_bytes + (1::bigint << 49) WHERE id = n2::uuid;
        PERFORM test.ok(false, 'a node is not oversold, whoever writes');
    EXCEPTION WHEN SQLSTATE 'CR409' THEN
        PERFORM test.ok(true, 'a node is not oversold, whoever writes');
    END;
    PERFORM test.hello(n2, 1, 1, 1, '[]');
    PERFORM test.is((SELECT capacity_vcpus FROM nodes WHERE id = n2::uuid), 1::bigint, 'a node may shrink below its use');

    PERFORM test.is((test.api('op', 'admin_node_revoke', jsonb_build_object('id', n2))).status, 204, 'a node is revoked');
    PERFORM test.is((test.hub(n2, test.epoch(n2), 'node_heartbeat', '{}'))->>'failed', 'CR403', 'and may not speak');
    UPDATE nodes SET state = 'active' WHERE name = 'node1';
    PERFORM test.consistent('at the end of the hub');
END
$$;
