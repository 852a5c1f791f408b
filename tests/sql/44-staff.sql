-- The queue in the hands of staff, and how the installation is.

DO $$
DECLARE
    v text;
    r test.reply;
    q test.reply;
    s jsonb;
BEGIN
    UPDATE node_status SET last_seen_at = now() + interval '1 hour';
    r := test.vps('ada', 'staffed');
    v := r.body->'vps'->>'id';
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');

    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.is((test.api('ada', 'admin_task_cancel', jsonb_build_object('id', r.body->'task'->'id'))).status, 403, 'a customer is no staff');
    q := test.api('op', 'admin_task_cancel', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.status, q.body->>'status', q.body->'error'->>'detail')::text, '(200,cancelled,"The operator cancelled it.")', 'staff cancel a task of a tenant');
    PERFORM test.is((SELECT desired FROM vps WHERE id = v::uuid), 'running', 'what it changed is as before');
    PERFORM test.is((test.api('op', 'admin_task_cancel', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'once');
    PERFORM test.is((test.api('op', 'admin_task_cancel', jsonb_build_object('id', croft_uuid()))).status, 404, 'one that there is');
    PERFORM test.is((test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'what was cancelled is not tried again');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'running');

    r := test.api('ada', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'running');
    PERFORM test.ok((SELECT retry_at IS NOT NULL AND error IS NOT NULL AND attempts = 1 FROM vps WHERE id = v::uuid), 'what failed waits');
    s := (test.api('op', 'admin_system_read')).body;
    PERFORM test.ok((s->'tasks'->>'failed_day')::int > 0 AND (s->'vps'->>'trying_again')::int > 0, 'and is counted', s::text);
    PERFORM test.is((test.api('ada', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'))).status, 403, 'a customer orders again, but not this way');
    q := test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.status, q.body->'task'->>'kind', q.body->'vps'->>'desired')::text, '(202,vps_update,stopped)', 'it is tried again at once');
    PERFORM test.ok((SELECT retry_at IS NULL AND attempts = 0 FROM vps WHERE id = v::uuid), 'with all its attempts');
    PERFORM test.is((test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'one at a time');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.is((test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'and not when it has become what it was to be');

    r := test.api('ada', 'vps_delete', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'stopped');
    q := test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'));
    PERFORM test.is((q.status, q.body->'task'->>'kind')::text, '(202,vps_delete)', 'also a delete');
    PERFORM test.settle(q.body->'task'->>'id', 'done', 'absent');
    PERFORM test.is((test.api('op', 'admin_task_retry', jsonb_build_object('id', r.body->'task'->'id'))).status, 409, 'which then is gone');
    UPDATE node_status SET last_seen_at = now();
END
$$;
