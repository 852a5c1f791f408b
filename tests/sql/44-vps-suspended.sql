-- One vps suspended by who sells it: on top of what its tenant's state says, and not to be taken back by the tenant.
DO $$
DECLARE
    r test.reply := test.vps('bob', 'unpaid');
    v text := r.body->'vps'->>'id';
    v_task tasks;
BEGIN
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    r := test.api('bob', 'vps_suspend', jsonb_build_object('id', v, 'body', '{"reason":"overdue"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'suspended', r.body->>'suspend_reason', r.body->>'desired')::text, '(200,stop,overdue,running)', 'a vps is suspended');
    SELECT * INTO v_task FROM tasks WHERE vps_id = v::uuid ORDER BY seq DESC LIMIT 1;
    PERFORM test.is((v_task.spec->>'suspended', v_task.kind)::text, '(stop,vps_update)', 'its node is told');
    PERFORM test.settle(v_task.id::text, 'done', 'stopped');
    PERFORM test.is((SELECT state FROM vps_periods WHERE vps_id = v::uuid AND to_ts IS NULL), 'suspended', 'it is billed as suspended');
    r := test.api('bob', 'vps_suspend', jsonb_build_object('id', v, 'body', '{"reason":"overdue"}'::jsonb));
    PERFORM test.is((SELECT count(*) FROM tasks WHERE vps_id = v::uuid), 2::bigint, 'said again it is no order');
    -- The tenant's own state comes and goes; the harder of the two holds.
    PERFORM test.api('op', 'admin_tenant_suspend', jsonb_build_object('id', test.get('bob'), 'body', '{"reason":"x","policy":"throttle"}'::jsonb));
    PERFORM test.is((SELECT suspended FROM vps WHERE id = v::uuid), 'stop', 'a tenant that is throttled does not start it');
    PERFORM test.api('op', 'admin_tenant_resume', jsonb_build_object('id', test.get('bob')));
    PERFORM test.is((SELECT suspended FROM vps WHERE id = v::uuid), 'stop', 'nor does one that is resumed');
    PERFORM croft_tenant_chores();
    PERFORM test.is((SELECT suspended FROM vps WHERE id = v::uuid), 'stop', 'nor housekeeping');
    r := test.api('bob', 'vps_resume', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.body->>'suspended', r.body->>'suspend_reason')::text, '(200,,)', 'it is resumed');
    PERFORM test.is((SELECT string_agg(action, ' ' ORDER BY id) FROM events WHERE subject_id = v::uuid AND action ~ 'suspended|resumed'), 'vps.suspended vps.resumed', 'each is an event');
    -- Of the one above: not the tenant's to take back.
    UPDATE vps SET suspend_order = 'throttle', suspend_reason = 'fair use', suspend_tenant = croft_root(), suspended = 'throttle' WHERE id = v::uuid;
    r := test.api('bob', 'vps_resume', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.code)::text, '(403,forbidden)', 'what its seller ordered its tenant does not take back');
    UPDATE vps SET suspend_order = NULL, suspend_reason = NULL, suspend_tenant = NULL, suspended = NULL WHERE id = v::uuid;
    r := test.api('ada', 'vps_suspend', jsonb_build_object('id', v, 'body', '{"reason":"x"}'::jsonb));
    PERFORM test.is(r.status, 404, 'nor is it anybody else''s');
    r := test.api('bob', 'vps_delete', jsonb_build_object('id', v));
    r := test.api('bob', 'vps_suspend', jsonb_build_object('id', v, 'body', '{"reason":"x"}'::jsonb));
    PERFORM test.is(r.status, 409, 'nothing that is being deleted is suspended');
    PERFORM test.settle((SELECT id::text FROM tasks WHERE vps_id = v::uuid ORDER BY seq DESC LIMIT 1), 'done', 'absent');
    PERFORM test.consistent('after a suspension');
END
$$;
