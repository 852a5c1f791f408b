-- Images of tenants: published, uploaded, made from, deleted; whose they are, and what they hold of the quota.
DO $$
DECLARE
    v_quotas jsonb := '{"vps":9,"vcpus":99,"memory_bytes":99999999999,"disk_bytes":999999999999,"ipv4":9,"ipv6":9}';
    v_top uuid := test.tenant('gallery_above', v_quotas || '{"image_bytes":20000000}', croft_root(), 'reseller');
    v_own uuid := test.tenant('gallery', v_quotas || '{"image_bytes":30000000}', v_top);
    v_other uuid := test.tenant('gallery_none', v_quotas, v_top);
    r test.reply;
BEGIN
    r := test.vps('gallery', 'studio');
    PERFORM test.set('studio', r.body->'vps'->>'id');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.vps('gallery_none', 'studio');
    PERFORM test.set('studio_none', r.body->'vps'->>'id');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.set('gallery_tenant', v_own::text);
    PERFORM test.set('gallery_top', v_top::text);
END
$$;

CREATE FUNCTION test.publish(p_name text, p_more jsonb DEFAULT '{}') RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.api('gallery', 'vps_publish', jsonb_build_object('id', test.get('studio'), 'body', jsonb_build_object('name', p_name)) || p_more)
$$;
CREATE FUNCTION test.vps_from(p_token text, p_name text, p_image text) RETURNS test.reply LANGUAGE sql AS $$
    SELECT test.vps(p_token, p_name, jsonb_build_object('body', jsonb_build_object('name', p_name, 'plan_id', test.get('plan'),
        'image_id', p_image, 'location_id', test.get('location'))))
$$;
CREATE FUNCTION test.image_held(p_tenant text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT used FROM quotas WHERE tenant_id = test.get(p_tenant)::uuid AND resource = 'image_bytes'
$$;
-- As the node whose certificate names it.
CREATE FUNCTION test.as_node(p_node text, p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v text;
BEGIN
    PERFORM set_config('croft.node', p_node, true), set_config('role', 'croft_agent', true);
    EXECUTE p_sql INTO v;
    PERFORM set_config('role', 'none', true), set_config('croft.node', '', true);
    RETURN v;
END
$$;

DO $$
DECLARE
    r test.reply;
    v_image text;
    v_task text;
    v_node text := (SELECT node_id FROM vps WHERE id = test.get('studio')::uuid);
    v_seal text;
    v_disk bigint := (SELECT disk_bytes FROM vps WHERE id = test.get('studio')::uuid);
    v_again test.reply;
BEGIN
    r := test.publish('shop', '{"idempotency":{"key":"p1","hash":"h"}}');
    PERFORM test.is((r.status, r.body->'image'->>'state', r.body->'image'->>'active', r.body->'task'->>'kind',
        r.location = '/v1/images/' || (r.body->'image'->>'id'))::text, '(202,creating,false,vps_publish,t)', 'an image is ordered');
    v_image := r.body->'image'->>'id';
    v_task := r.body->'task'->>'id';
    PERFORM test.is((test.publish('shop', '{"idempotency":{"key":"p1","hash":"h"}}')).body->'image'->>'id', v_image,
        'the same key makes one');
    PERFORM test.is((SELECT (args->>'image', (args->>'max_bytes')::bigint)::text FROM tasks WHERE id = v_task::uuid),
        format('(%s,%s)', v_image, least(v_disk, 20000000)), 'its task names it and how large it may become');
    PERFORM test.is((test.image_held('gallery_tenant'), test.image_held('gallery_top'))::text,
        format('(%1$s,%1$s)', least(v_disk, 20000000)), 'which is held at every level');
    PERFORM test.is((test.publish('shop2')).code, 'quota_exceeded', 'a second at once finds nothing left');
    PERFORM test.is((test.api('gallery_none', 'vps_publish', jsonb_build_object('id', test.get('studio_none'), 'body', '{"name":"a"}'::jsonb))).code,
        'quota_exceeded', 'without a quota none is made');
    PERFORM test.is((test.api('gallery_none', 'vps_publish', jsonb_build_object('id', test.get('studio'), 'body', '{"name":"a"}'::jsonb))).status,
        404, 'nor of a foreign vps');
    PERFORM test.is((test.api('gallery', 'image_delete', jsonb_build_object('id', v_image))).code, 'conflict', 'one that is made is not deleted');
    PERFORM test.is((test.vps_from('gallery', 'early', v_image)).pointer, '/image_id', 'nor anything made of it');

    v_seal := format('SELECT croft_image_seal(%L, %L, %s, %L)', v_image, test.hash('shop'), 5000000, test.hash('a') || test.hash('b'));
    PERFORM test.is(test.as_node(gen_random_uuid()::text, v_seal), 'false', 'another node does not upload it');
    PERFORM test.is(test.as_node(gen_random_uuid()::text, format('SELECT count(*) FROM croft_image_upload(%L)', v_image)), '0', 'nor begin to');
    PERFORM test.is(test.as_node(v_node, format('SELECT max_bytes FROM croft_image_upload(%L)', v_image)), least(v_disk, 20000000)::text,
        'its node may, up to that size');
    PERFORM test.is(test.as_node(v_node, replace(v_seal, '5000000', '20000001')), 'false', 'and no further');
    PERFORM test.is(test.as_node(v_node, v_seal), 'true', 'all of it is there');
    PERFORM test.is(test.as_node(v_node, v_seal), 'true', 'said twice is said once');
    PERFORM test.hub(v_node, test.epoch(v_node), 'task_result', jsonb_build_object('task', v_task, 'status', 'done',
        'vps', test.get('studio'), 'generation', 1, 'observed', 'running', 'size_bytes', 9000000));
    r := test.api('gallery', 'image_read', jsonb_build_object('id', v_image));
    PERFORM test.is((r.body->>'state', r.body->>'active', r.body->>'public', r.body->>'size', r.body->>'min_disk_bytes', r.body->>'sha256')::text,
        format('(ready,true,false,5000000,9000000,%s)', test.hash('shop')), 'it is ready');
    PERFORM test.is((test.image_held('gallery_tenant'), test.image_held('gallery_top'))::text, '(5000000,5000000)', 'and holds its size');
    PERFORM test.is((SELECT (generation, task_id)::text FROM vps WHERE id = test.get('studio')::uuid), '(1,)', 'its vps is as it was');
    PERFORM test.is(test.as_node(v_node, v_seal), 'false', 'what is ready is not changed any more');

    PERFORM test.is((test.api('gallery_none', 'image_read', jsonb_build_object('id', v_image))).status, 404, 'nobody else sees it');
    PERFORM test.is((test.api('gallery_none', 'image_delete', jsonb_build_object('id', v_image))).status, 404, 'nor deletes it');
    PERFORM test.is((test.vps_from('gallery_none', 'thief', v_image)).pointer, '/image_id', 'nor makes anything of it');
    PERFORM test.ok(NOT jsonb_path_exists((test.api('gallery_none', 'image_list')).body, '$.items[*] ? (@.name == "shop")'), 'nor lists it');
    PERFORM test.ok(jsonb_path_exists((test.api('gallery', 'image_list')).body, '$.items[*] ? (@.name == "shop")'), 'its tenant does');
    PERFORM test.is((test.publish('shop')).pointer, '/name', 'a name is taken once');
    PERFORM test.is((test.api('op', 'admin_image_update', jsonb_build_object('id', v_image, 'if_match', '*', 'body', '{"public":true}'::jsonb))).code,
        'conflict', 'not even an operator shows it to others');

    PERFORM test.is(test.as_node(v_node, format('SELECT count(*) FROM images WHERE id = %L', v_image)), '0',
        'a node that has nothing to make of it does not get it');
    v_again := test.vps_from('gallery', 'copy1', v_image);
    PERFORM test.is(v_again.status, 202, 'a vps is made from it');
    PERFORM test.is(test.as_node(v_again.body->'vps'->>'node_id', format('SELECT count(*) FROM images WHERE id = %L', v_image)), '1',
        'its node gets it now');
    PERFORM test.is((test.api('gallery', 'image_delete', jsonb_build_object('id', v_image))).code, 'conflict', 'and it is kept for that');
    PERFORM test.settle(v_again.body->'task'->>'id', 'done', 'running');
    PERFORM test.is(test.as_node(v_again.body->'vps'->>'node_id', format('SELECT count(*) FROM images WHERE id = %L', v_image)), '0',
        'and not afterwards');
    PERFORM test.consistent('with an image');

    v_again := test.api('gallery', 'vps_delete', jsonb_build_object('id', v_again.body->'vps'->'id'));
    PERFORM test.settle(v_again.body->'task'->>'id', 'done', 'absent');
    PERFORM test.is(croft_image_files(jsonb_build_object('images', jsonb_build_array(test.hash('shop'), test.hash('nobody')),
        'uploads', jsonb_build_array(v_image, 'junk'))),
        jsonb_build_object('images', '[]'::jsonb, 'uploads', jsonb_build_array(v_image, 'junk')), 'only the file that is needed stays');
    PERFORM test.is((test.api('gallery', 'image_delete', jsonb_build_object('id', v_image))).status, 204, 'then it is deleted');
    PERFORM test.is((test.image_held('gallery_tenant'), test.image_held('gallery_top'))::text, '(0,0)', 'and gives its quota back');
    PERFORM test.is((test.api('gallery', 'image_read', jsonb_build_object('id', v_image))).status, 404, 'it is gone');
    PERFORM test.is(croft_image_files(jsonb_build_object('images', jsonb_build_array(test.hash('shop'), test.hash('nobody')))),
        jsonb_build_object('images', jsonb_build_array(test.hash('shop')), 'uploads', '[]'::jsonb), 'and its file may go; not one that nobody knows');
END
$$;

-- What does not end well.
DO $$
DECLARE
    r test.reply;
    v_node text := (SELECT node_id FROM vps WHERE id = test.get('studio')::uuid);
BEGIN
    r := test.publish('broken');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT (state, active, held_bytes, task_id, error->>'code')::text FROM images WHERE id = (r.body->'image'->>'id')::uuid),
        '(failed,f,0,,disk_full)', 'an image whose task failed says why');
    PERFORM test.is(test.image_held('gallery_tenant'), 0::bigint, 'and holds nothing');
    PERFORM test.is((test.api('gallery', 'image_delete', jsonb_build_object('id', r.body->'image'->'id'))).status, 204, 'and can be deleted');
    r := test.publish('broken');
    PERFORM test.is(r.status, 202, 'its name is free again');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is((SELECT (state, error->>'code')::text FROM images WHERE id = (r.body->'image'->>'id')::uuid), '(failed,internal)',
        'a node that says done and sent nothing made nothing');
    r := test.publish('cut off');
    UPDATE tasks SET created_at = now() - interval '11 minutes' WHERE id = (r.body->'task'->>'id')::uuid;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    PERFORM test.is((SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), 'queued', 'a large one may take longer than other orders');
    UPDATE tasks SET created_at = now() - interval '2 hours' WHERE id = (r.body->'task'->>'id')::uuid;
    PERFORM croft_housekeeping('{"task_deadline_s":600}');
    PERFORM test.is((SELECT state FROM images WHERE id = (r.body->'image'->>'id')::uuid), 'failed', 'but not for ever');
    PERFORM test.is((SELECT cancel_sent FROM tasks WHERE id = (r.body->'task'->>'id')::uuid), false, 'and its node is told to stop');
    PERFORM test.consistent('after images that failed');
END
$$;

-- A publish is in nobody's way, and goes when its vps goes or its owner says so.
DO $$
DECLARE
    r test.reply;
    q test.reply;
    v_node text;
    v_vps text;
BEGIN
    r := test.vps('gallery', 'passing');
    v_vps := r.body->'vps'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    v_node := (SELECT node_id FROM vps WHERE id = v_vps::uuid);
    r := test.api('gallery', 'vps_publish', jsonb_build_object('id', v_vps, 'body', '{"name":"passing"}'::jsonb));
    PERFORM test.hub(v_node, test.epoch(v_node), 'task_progress', jsonb_build_object('task', r.body->'task'->'id', 'progress', 40, 'step', 'pack'));
    PERFORM test.is(r.body->'vps'->>'task_id', NULL, 'a vps does not wait for its image');
    q := test.api('gallery', 'vps_stop', jsonb_build_object('id', v_vps));
    PERFORM test.is((q.status, (SELECT status FROM tasks WHERE id = (r.body->'task'->>'id')::uuid))::text, '(202,running)', 'a stop goes on beside it');
    PERFORM test.settle(q.body->'task'->>'id', 'failed', 'running');
    PERFORM test.is((SELECT (task_id IS NULL, retry_at IS NOT NULL)::text FROM vps WHERE id = v_vps::uuid), '(t,t)', 'and is tried again meanwhile');
    UPDATE vps SET retry_at = now() WHERE id = v_vps::uuid;
    PERFORM croft_housekeeping('{}');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v_vps::uuid), 'done', 'stopped');

    q := test.api('gallery', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.status, q.body->>'status')::text, '(200,cancelled)', 'one that runs is cancelled');
    PERFORM test.is((SELECT (state, held_bytes, error->>'code')::text FROM images WHERE id = (r.body->'image'->>'id')::uuid),
        '(failed,0,cancelled)', 'its image says so');
    PERFORM test.is(test.image_held('gallery_tenant'), 0::bigint, 'and holds nothing');
    PERFORM test.is((SELECT x->>'type' FROM test.hub(v_node, test.epoch(v_node), 'node_tasks', '{}') x WHERE x->>'task' = r.body->'task'->>'id'),
        'task_cancel', 'its node is told');
    PERFORM test.is((test.api('gallery', 'task_cancel', jsonb_build_object('id', r.body->'task'->'id'))).code, 'conflict', 'once');

    r := test.api('gallery', 'vps_publish', jsonb_build_object('id', v_vps, 'body', '{"name":"passing by"}'::jsonb));
    PERFORM test.hub(v_node, test.epoch(v_node), 'task_progress', jsonb_build_object('task', r.body->'task'->'id', 'progress', 40, 'step', 'pack'));
    q := test.api('gallery', 'vps_delete', jsonb_build_object('id', v_vps));
    PERFORM test.is((q.status, (SELECT (t.status, i.state, i.held_bytes, i.error->>'code')::text FROM tasks t
        JOIN images i ON i.id = (t.args->>'image')::uuid WHERE t.id = (r.body->'task'->>'id')::uuid))::text,
        '(202,"(cancelled,failed,0,cancelled)")', 'a delete ends it, though it runs');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'absent');
    PERFORM test.consistent('after publishes that were cancelled');
END
$$;
