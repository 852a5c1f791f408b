-- Snapshots, schedules, restore, reinstall, rescue, clone: their rows, quota and matrix. What the node does is told here.
DO $$
DECLARE
    v_top uuid := test.tenant('above', '{"vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":9,"ipv6":9,"snapshots":3}', croft_root(), 'reseller');
    v_ada uuid := test.tenant('copy', '{"vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":9,"ipv6":9,"snapshots":9}', v_top);
    r test.reply;
BEGIN
    r := test.vps('copy', 'origin');
    PERFORM test.is(r.status, 202, 'a vps to copy');
    PERFORM test.set('origin', r.body->'vps'->>'id');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.set('copy_tenant', v_ada::text);
    PERFORM test.set('copy_above', v_top::text);
END
$$;

CREATE FUNCTION test.copy(p_statement text, p_id text, p_body jsonb DEFAULT '{}', p_more jsonb DEFAULT '{}') RETURNS test.reply
LANGUAGE sql AS $$ SELECT test.api('copy', p_statement, jsonb_build_object('id', p_id, 'body', p_body) || p_more) $$;
CREATE FUNCTION test.used(p_tenant text, p_resource text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT used FROM quotas WHERE tenant_id = test.get(p_tenant)::uuid AND resource = p_resource
$$;
CREATE FUNCTION test.snapshot_state(p_id text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT state FROM snapshots WHERE id = p_id::uuid
$$;

-- Made, read, renamed, deleted.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
    s text;
    t text;
BEGIN
    r := test.copy('snapshot_create', o, '{"name":"first"}', '{"idempotency":{"key":"s1","hash":"h"}}');
    PERFORM test.is((r.status, r.body->'snapshot'->>'state', r.body->'task'->>'kind', r.location = '/v1/snapshots/' || (r.body->'snapshot'->>'id'))::text,
        '(202,creating,vps_snapshot,t)', 'a snapshot is ordered');
    PERFORM test.is((test.copy('snapshot_create', o, '{"name":"first"}', '{"idempotency":{"key":"s1","hash":"h"}}')).body->'snapshot'->>'id',
        r.body->'snapshot'->>'id', 'the same key makes one snapshot');
    s := r.body->'snapshot'->>'id';
    t := r.body->'task'->>'id';
    PERFORM test.set('first', s);
    PERFORM test.is((SELECT args->>'snapshot' FROM tasks WHERE id = t::uuid), s, 'its task names it');
    PERFORM test.is((test.used('copy_tenant', 'snapshots'), test.used('copy_above', 'snapshots'))::text, '(1,1)', 'it counts at every level');
    PERFORM test.is((SELECT (generation, observed_generation)::text FROM vps WHERE id = o::uuid), '(1,1)', 'and asks for no generation');
    PERFORM test.is((test.copy('snapshot_restore', s)).status, 409, 'one that is not ready is not gone back to');
    PERFORM test.hub(node_id::text, test.epoch(node_id::text), 'task_result', jsonb_build_object('task', id, 'status', 'done', 'vps', vps_id,
        'generation', 1, 'observed', 'running', 'size_bytes', 4096)) FROM tasks WHERE id = t::uuid;
    r := test.copy('snapshot_read', s);
    PERFORM test.is((r.body->>'state', r.body->>'size_bytes', r.body->>'origin', r.body->>'task_id')::text, '(ready,4096,manual,)', 'it is ready');
    PERFORM test.is((test.api('ada', 'snapshot_read', jsonb_build_object('id', s))).status, 404, 'nobody else sees it');
    PERFORM test.is((test.api('ada', 'snapshot_list', jsonb_build_object('id', o))).status, 404, 'nor the list');
    PERFORM test.is((test.api('ada', 'snapshot_delete', jsonb_build_object('id', s))).status, 404, 'nor deletes it');
    PERFORM test.is((test.api('ada', 'snapshot_restore', jsonb_build_object('id', s))).status, 404, 'nor goes back to it');
    PERFORM test.is(jsonb_array_length((test.copy('snapshot_list', o)).body->'items'), 1, 'its owner lists it');
    PERFORM test.is((test.copy('snapshot_update', s, '{"name":"x"}')).status, 428, 'a rename needs If-Match');
    r := test.copy('snapshot_update', s, '{"name":"renamed"}', jsonb_build_object('if_match', r.etag));
    PERFORM test.is((r.status, r.body->>'name')::text, '(200,renamed)', 'it is renamed');
    PERFORM test.consistent('with a snapshot');
END
$$;

-- Deletes: quota is held until the node has said so; one that failed is tried again.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
    s text;
BEGIN
    r := test.copy('snapshot_create', o);
    s := r.body->'snapshot'->>'id';
    PERFORM test.is((test.copy('snapshot_delete', s)).status, 202, 'one that is being made may be deleted');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is(test.snapshot_state(s), 'deleting', 'its end does not make it ready');
    r := test.copy('snapshot_delete', s);
    PERFORM test.is(test.used('copy_tenant', 'snapshots'), 2::bigint, 'its quota is held');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT (state, task_id IS NULL, retry_at > now(), attempts)::text FROM snapshots WHERE id = s::uuid), '(deleting,t,t,1)',
        'a delete that failed is tried again');
    PERFORM test.is((SELECT error IS NULL AND attempts = 0 FROM vps WHERE id = o::uuid), true, 'which is no fault of the vps');
    UPDATE snapshots SET retry_at = now() WHERE id = s::uuid;
    PERFORM croft_housekeeping();
    PERFORM test.settle((SELECT task_id::text FROM snapshots WHERE id = s::uuid), 'done', 'running');
    PERFORM test.is((test.snapshot_state(s), test.used('copy_tenant', 'snapshots'))::text, '(,1)', 'then it is gone, and its quota free');

    r := test.copy('snapshot_create', o);
    s := r.body->'snapshot'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT (state, error->>'code')::text FROM snapshots WHERE id = s::uuid), '(failed,disk_full)', 'one that failed says why');
    UPDATE snapshots SET updated_at = now() - interval '2 days' WHERE id = s::uuid;
    ALTER TABLE snapshots DISABLE TRIGGER bump_version;
    UPDATE snapshots SET updated_at = now() - interval '2 days' WHERE id = s::uuid;
    ALTER TABLE snapshots ENABLE TRIGGER bump_version;
    PERFORM croft_housekeeping();
    PERFORM test.is(test.snapshot_state(s), 'deleting', 'and is cleared away after a day, on the node, too');
    PERFORM test.settle((SELECT task_id::text FROM snapshots WHERE id = s::uuid), 'done', 'running');

    r := test.copy('snapshot_create', o);
    r := test.copy('snapshot_create', o);
    PERFORM test.is(r.status, 202, 'two at once are queued');
    r := test.copy('snapshot_create', o);
    PERFORM test.is((r.status, r.code, r.body->>'detail' ~ 'reseller')::text, '(409,quota_exceeded,t)', 'the level above has no more');
    PERFORM test.settle(id::text, 'done', 'running') FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL;
    PERFORM test.consistent('with three snapshots');
    PERFORM test.copy('snapshot_delete', id::text) FROM snapshots WHERE vps_id = o::uuid AND id <> test.get('first')::uuid;
    PERFORM test.settle(id::text, 'done', 'running') FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL;
    BEGIN
        UPDATE snapshots SET state = 'creating' WHERE id = test.get('first')::uuid;
        PERFORM test.ok(false, 'the matrix of states holds');
    EXCEPTION WHEN check_violation THEN
        PERFORM test.ok(true, 'the matrix of states holds');
    END;
END
$$;

-- Restore and reinstall.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
BEGIN
    r := test.copy('snapshot_restore', test.get('first'));
    PERFORM test.is((r.status, r.body->'task'->>'kind', r.body->'vps'->>'generation')::text, '(202,vps_restore,2)', 'a restore is ordered');
    PERFORM test.is((test.copy('snapshot_restore', test.get('first'))).status, 409, 'one at a time');
    PERFORM test.is((test.copy('snapshot_create', o)).status, 409, 'and no snapshot meanwhile');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT (observed_generation, retry_at IS NOT NULL)::text FROM vps WHERE id = o::uuid), '(1,t)', 'one that failed leaves the vps to converge');
    UPDATE vps SET retry_at = now() WHERE id = o::uuid;
    PERFORM croft_housekeeping();
    PERFORM test.is((SELECT kind FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL), 'vps_update', 'as it is, not to the snapshot');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = o::uuid), 'done', 'running');
    UPDATE snapshots SET size_bytes = 1::bigint << 40 WHERE id = test.get('first')::uuid;
    PERFORM test.is((test.copy('snapshot_restore', test.get('first'))).status, 409, 'one that does not fit the disk is refused');
    UPDATE snapshots SET size_bytes = 4096 WHERE id = test.get('first')::uuid;

    r := test.api('op', 'admin_image_create', jsonb_build_object('body', jsonb_build_object('name', 'rescue', 'title', 'Rescue',
        'os', 'linux', 'arch', 'amd64', 'sha256', test.hash('rescue'), 'size', 1000, 'signature', test.hash('a') || test.hash('b'))));
    PERFORM test.set('rescue', r.body->>'id');
    PERFORM test.is((test.copy('vps_reinstall', o, jsonb_build_object('image_id', croft_uuid()))).pointer, '/image_id', 'no such image');
    r := test.copy('vps_reinstall', o, jsonb_build_object('image_id', test.get('rescue'), 'ssh_keys', '["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x"]'::jsonb));
    PERFORM test.is((r.status, r.body->'vps'->>'image_id' = test.get('image'))::text, '(202,t)', 'a reinstall shows the image once it is there');
    PERFORM test.is((SELECT spec->'image'->>'name' FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'rescue', 'its task has the new one');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is((SELECT (image_id = test.get('rescue')::uuid, jsonb_array_length(ssh_keys), jsonb_array_length(addresses))::text FROM vps WHERE id = o::uuid),
        '(t,1,2)', 'then it is the vps''s, with its addresses');
    PERFORM test.consistent('after a reinstall');
END
$$;

-- Rescue and clone.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
    c text;
BEGIN
    PERFORM test.is((test.copy('vps_unrescue', o)).status, 409, 'there is nothing to leave');
    r := test.copy('vps_rescue', o);
    PERFORM test.is((r.status, r.body->'vps'->>'rescue_image_id' = test.get('rescue'))::text, '(202,t)', 'a rescue takes the image called rescue');
    PERFORM test.is((SELECT spec->'rescue'->>'name' FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'rescue', 'and says so to the node');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT rescue_image_id FROM vps WHERE id = o::uuid), NULL, 'one that failed is over');
    PERFORM test.settle(id::text, 'done', 'running') FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL;
    r := test.copy('vps_rescue', o, jsonb_build_object('image_id', test.get('image')));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is((test.copy('vps_rescue', o)).status, 409, 'it is in rescue mode already');
    PERFORM test.is((test.copy('vps_reinstall', o, jsonb_build_object('image_id', test.get('image')))).status, 409, 'whose disk is in use');
    PERFORM test.is((test.copy('snapshot_restore', test.get('first'))).status, 409, 'by the rescue system');
    r := test.copy('vps_unrescue', o);
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is((SELECT (rescue_image_id, observed_generation = generation)::text FROM vps WHERE id = o::uuid), '(,t)', 'and is left');

    PERFORM test.is((test.copy('vps_clone', o, '{"name":"origin"}')).code, 'conflict', 'a clone has a name of its own');
    PERFORM test.is((test.copy('vps_clone', o, jsonb_build_object('name', 'c', 'snapshot_id', croft_uuid()))).pointer, '/snapshot_id', 'from a snapshot of its source');
    r := test.copy('vps_clone', o, jsonb_build_object('name', 'twin', 'snapshot_id', test.get('first')), '{"idempotency":{"key":"c1","hash":"h"}}');
    c := r.body->'vps'->>'id';
    PERFORM test.is((r.status, r.body->'task'->>'kind', r.body->'vps'->>'node_id' = (SELECT node_id::text FROM vps WHERE id = o::uuid))::text,
        '(202,vps_clone,t)', 'a clone is ordered on the same node');
    PERFORM test.is((test.copy('vps_clone', o, '{}', '{"idempotency":{"key":"c1","hash":"h"}}')).body->'vps'->>'id', c, 'the same key makes one clone');
    PERFORM test.is((SELECT args FROM tasks WHERE vps_id = c::uuid), jsonb_build_object('source', o, 'snapshot', test.get('first')), 'its task names both');
    PERFORM test.is((SELECT count(DISTINCT a->>'address') FROM vps, jsonb_array_elements(addresses) a WHERE id IN (o::uuid, c::uuid)), 4::bigint, 'with addresses of its own');
    PERFORM test.is((test.copy('snapshot_delete', test.get('first'))).status, 409, 'what it reads stays');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'absent');
    PERFORM test.is((SELECT desired FROM vps WHERE id = c::uuid), 'deleted', 'a clone that failed is taken back as a create is');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = c::uuid), 'done', 'absent');
    UPDATE nodes SET state = 'draining' WHERE id = (SELECT node_id FROM vps WHERE id = o::uuid);
    PERFORM test.is((test.copy('vps_clone', o, '{"name":"c"}')).code, 'no_capacity', 'no other node will do');
    UPDATE nodes SET state = 'active' WHERE id = (SELECT node_id FROM vps WHERE id = o::uuid);
    PERFORM test.consistent('after clones');
END
$$;

-- Schedules.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
    i int;
    n bigint := (SELECT count(*) FROM tasks WHERE vps_id = o::uuid AND kind = 'vps_snapshot');
BEGIN
    UPDATE quotas SET ceiling = 4 WHERE tenant_id = test.get('copy_above')::uuid AND resource = 'snapshots';
    PERFORM test.is((test.copy('schedule_read', o)).status, 404, 'there is no schedule');
    PERFORM test.is((test.copy('schedule_set', o, '{"hourly":0}')).status, 422, 'one keeps something');
    r := test.copy('schedule_set', o, '{"hourly":1,"daily":1}');
    PERFORM test.is((r.status, (r.body->>'next_at')::timestamptz BETWEEN now() AND now() + interval '1 hour')::text, '(200,t)', 'a schedule is set');
    PERFORM test.is((test.copy('schedule_set', o, '{"hourly":2}')).status, 428, 'and changed with If-Match only');
    PERFORM test.is((test.api('ada', 'schedule_read', jsonb_build_object('id', o))).status, 404, 'nobody else sees it');
    PERFORM croft_housekeeping();
    PERFORM test.is((SELECT count(*) FROM snapshots WHERE period IS NOT NULL), 0::bigint, 'nothing is due yet');
    FOR i IN 1..4 LOOP
        -- Ten hours were missed, as often as you like: one is made.
        UPDATE snapshot_schedules SET next_at = now() - interval '10 hours';
        PERFORM croft_housekeeping();
        PERFORM croft_housekeeping();
        PERFORM test.settle(id::text, 'done', 'running') FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL AND kind = 'vps_snapshot';
        PERFORM test.settle(id::text, 'done', 'running') FROM tasks WHERE vps_id = o::uuid AND ended_at IS NULL;
    END LOOP;
    PERFORM test.is((SELECT count(*) FROM tasks WHERE vps_id = o::uuid AND kind = 'vps_snapshot'), n + 4, 'a run makes one');
    PERFORM test.is((SELECT string_agg(period, ' ' ORDER BY period) FROM snapshots WHERE vps_id = o::uuid AND period IS NOT NULL), 'daily hourly',
        'the longest period first, and of each no more than is kept');
    PERFORM test.is(test.snapshot_state(test.get('first')), 'ready', 'what somebody made is not touched');
    PERFORM test.is((SELECT next_at > now() FROM snapshot_schedules WHERE vps_id = o::uuid), true, 'the next is ahead');
    UPDATE quotas SET ceiling = used WHERE tenant_id = test.get('copy_above')::uuid AND resource = 'snapshots';
    UPDATE snapshot_schedules SET next_at = now() - interval '1 minute';
    PERFORM croft_housekeeping();
    r := test.copy('schedule_read', o);
    PERFORM test.is((r.body->'error'->>'code', (SELECT count(*) FROM events WHERE action = 'snapshot_schedule.failed'))::text, '(quota_exceeded,1)',
        'without quota it says so');
    PERFORM test.consistent('with a schedule');
    r := test.api('copy', 'schedule_delete', jsonb_build_object('id', o));
    PERFORM test.is((r.status, (SELECT count(*) FROM snapshots WHERE period IS NOT NULL AND state = 'ready'))::text, '(204,2)', 'without a schedule they stay');
    PERFORM test.copy('schedule_set', o, '{"weekly":1}');
END
$$;

-- A vps takes its snapshots with it.
DO $$
DECLARE
    o text := test.get('origin');
    r test.reply;
BEGIN
    r := test.api('copy', 'vps_delete', jsonb_build_object('id', o));
    PERFORM test.is((test.copy('snapshot_delete', test.get('first'))).status, 409, 'they go with the vps');
    PERFORM test.is((test.copy('snapshot_create', o)).status, 409, 'and no more are made');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = o::uuid), 'done', 'absent');
    PERFORM test.is(((SELECT count(*) FROM snapshots WHERE vps_id = o::uuid), (SELECT count(*) FROM snapshot_schedules WHERE vps_id = o::uuid),
        test.used('copy_tenant', 'snapshots'), test.used('copy_above', 'snapshots'))::text, '(0,0,0,0)', 'nothing is left of them');
    PERFORM test.consistent('after the delete');
END
$$;

-- One stays, for the tests that look for what is foreign.
DO $$
DECLARE
    r test.reply := test.vps('copy', 'kept');
BEGIN
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.copy('snapshot_create', r.body->'vps'->>'id');
    PERFORM test.copy('schedule_set', r.body->'vps'->>'id', '{"daily":1}');
END
$$;
