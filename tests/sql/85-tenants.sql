-- Resellers, what they sell, quotas at two levels, and the life of a tenant.
CREATE FUNCTION test.as_tenant(p_token text, p_tenant text, p_statement text, p_req jsonb DEFAULT '{}') RETURNS test.reply
LANGUAGE plpgsql AS $$
DECLARE
    a record;
    v_state text; v_message text; v_detail text; v_hint text;
BEGIN
    BEGIN
        PERFORM set_config('role', 'croft_server', true);
        PERFORM FROM croft_auth_token(encode(sha256(p_token::bytea), 'hex'), 'tenant', p_tenant::uuid, 'vps:read', '192.0.2.9', 'req-1', NULL,
            '{owner,admin,member,billing,viewer}');
        PERFORM set_config('role', 'croft_tenant', true);
        EXECUTE test.statement(p_statement) INTO a USING p_req;
        PERFORM set_config('role', 'none', true);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_message = MESSAGE_TEXT, v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT;
        RETURN test.failed(v_state, v_message, v_detail, v_hint);
    END;
    RETURN CASE WHEN a.status IS NULL THEN (404, NULL, NULL, NULL, 'not_found', NULL)::test.reply
        ELSE (a.status, a.body::jsonb, a.etag, a.location, NULL, NULL)::test.reply END;
END
$$;

CREATE FUNCTION test.quota(p_tenant text, p_resource text) RETURNS text LANGUAGE sql AS $$
    SELECT used || '/' || coalesce(effective::text, 'unlimited') FROM quotas WHERE tenant_id = p_tenant::uuid AND resource = p_resource
$$;

CREATE FUNCTION test.by_id(p_id text, p_body text DEFAULT NULL, p_match text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('id', p_id, 'body', p_body::jsonb, 'if_match', p_match))
$$;

CREATE FUNCTION test.got(r test.reply) RETURNS text LANGUAGE sql AS $$
    SELECT r.status || coalesce(' ' || r.code, '') || coalesce(' ' || nullif(r.pointer, ''), '')
$$;

-- The tree.
DO $$
DECLARE
    r test.reply;
    rita text; carl text; dora text;
BEGIN
    r := test.api('op', 'admin_tenant_create', '{"body":{"name":"rita","kind":"reseller","quotas":{"vps":3,"vcpus":null,"memory_bytes":null,'
        '"disk_bytes":null,"ipv4":null,"ipv6":null,"snapshots":5}}}');
    PERFORM test.is((r.status, r.body->>'kind', r.body->>'effective_state')::text, '(201,reseller,active)', 'an operator makes a reseller');
    rita := test.set('rita', r.body->>'id');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (rita::uuid, 'rita', test.hash('rita'), 't');
    r := test.api('rita', 'tenant_create', '{"body":{"name":"carl","quotas":{"vps":100,"vcpus":null,"memory_bytes":null,"disk_bytes":null,'
        '"ipv4":null,"ipv6":null}}}');
    PERFORM test.is((r.status, r.body->>'kind', r.body->>'parent_id' = rita, r.location LIKE '/v1/tenants/%')::text, '(201,tenant,t,t)',
        'a reseller makes a tenant, with more than it has itself');
    carl := test.set('carl', r.body->>'id');
    r := test.api('op', 'admin_tenant_create', jsonb_build_object('body', jsonb_build_object('name', 'dora', 'parent_id', rita,
        'quotas', '{"vps":5,"running_vps":1,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}'::jsonb)));
    dora := test.set('dora', r.body->>'id');
    PERFORM test.is((r.status, r.body->>'parent_id' = rita)::text, '(201,t)', 'an operator makes one below a reseller, too');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES (carl::uuid, 'carl', test.hash('carl'), 't'),
        (dora::uuid, 'dora', test.hash('dora'), 't');
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'kind', 'reseller',
        'parent_id', rita)))), '422 invalid_value /kind', 'a reseller has no reseller below it');
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_create', jsonb_build_object('body', jsonb_build_object('name', 'x',
        'parent_id', carl)))), '422 invalid_value /parent_id', 'a tenant has nobody below it');
    PERFORM test.is(test.got(test.api('ada', 'tenant_create', '{"body":{"name":"x"}}')), '403 forbidden', 'who is no reseller makes no tenant');
    BEGIN
        UPDATE tenants SET kind = 'reseller' WHERE id = carl::uuid;
        PERFORM test.ok(false, 'a kind is for ever');
    EXCEPTION WHEN raise_exception THEN
        PERFORM test.ok(true, 'a kind is for ever');
    END;
    PERFORM test.is((SELECT count(*) FROM quotas WHERE tenant_id = dora::uuid), 10::bigint, 'a tenant has a quota of every resource');
    PERFORM test.is(test.quota(dora, 'snapshots') || ' ' || test.quota(carl, 'running_vps'), '0/0 0/unlimited', 'preset where none was given');

    r := test.api('rita', 'tenant_list');
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'name')::text, '(2,carl)', 'a reseller lists its own');
    PERFORM test.is(jsonb_array_length((test.api('ada', 'tenant_list')).body->'items'), 0, 'others have none');
    PERFORM test.is(test.got(test.api('rita', 'tenant_read', test.by_id(carl))), '200', 'reads one');
    PERFORM test.is(test.got(test.api('rita', 'tenant_read', test.by_id(test.get('ada')))), '404 not_found', 'not a foreign one');
    PERFORM test.is(test.got(test.api('carl', 'tenant_read', test.by_id(carl))), '200', 'a tenant reads itself');
    PERFORM test.is(test.got(test.api('carl', 'tenant_read', test.by_id(dora))), '404 not_found', 'not its neighbour');
    PERFORM test.is(test.got(test.api('carl', 'tenant_read', test.by_id(rita))), '404 not_found', 'nor its reseller');
    PERFORM test.is(test.got(test.api('rita', 'tenant_update', test.by_id(carl, '{"name":"Carl"}'))), '428 precondition_required', 'a change needs If-Match');
    r := test.api('rita', 'tenant_update', test.by_id(carl, '{"name":"Carl"}', (test.api('rita', 'tenant_read', test.by_id(carl))).etag));
    PERFORM test.is((r.status, r.body->>'name')::text, '(200,Carl)', 'and is made with it');
    PERFORM test.is(test.got(test.api('rita', 'tenant_update', test.by_id(test.get('ada'), '{"name":"x"}', '*'))), '404 not_found', 'of a foreign one never');
    PERFORM test.is(test.got(test.api('rita', 'tenant_update', test.by_id(rita, '{"name":"x"}', '*'))), '404 not_found', 'nor of itself');
    PERFORM test.is(test.got(test.api('rita', n, test.by_id(test.get('ada'), '{"reason":"x","vps":1}'))), '404 not_found', 'foreign is missing: ' || n)
    FROM unnest(ARRAY['child_quota_list', 'child_quota_set', 'tenant_suspend', 'tenant_resume', 'tenant_close', 'tenant_usage']) n;
    PERFORM test.is((SELECT body->'items' FROM test.api('op', 'admin_tenant_list', jsonb_build_object('query',
        jsonb_build_object('parent_id', rita, 'name', 'dora')))) #>> '{0,id}', dora, 'an operator filters the tree');
END
$$;

-- What is sold, and to whom.
DO $$
DECLARE
    r test.reply;
    rita text := test.get('rita'); carl text := test.get('carl');
    v_plan text := test.get('plan');
    v_secret text; v_version text;
    v_etag text;
BEGIN
    PERFORM test.is(jsonb_array_length((test.api('carl', 'plan_list')).body->'items'), 0, 'below a reseller there is only what it sells');
    PERFORM test.is(test.got(test.vps('carl', 'early')), '422 invalid_value /plan_id', 'and nothing else is made');
    r := test.api('rita', 'plan_offer_set', test.by_id(v_plan, '{"price_month":"7.50","price_hour":"0.02","currency":"USD"}'));
    PERFORM test.is((r.status, r.body->>'price_month', r.etag)::text, '(201,7.50,"""1""")', 'a reseller makes an offer');
    PERFORM test.is(test.got(test.api('rita', 'plan_offer_set', test.by_id(v_plan, '{"price_month":"8","price_hour":"0.02","currency":"USD"}'))),
        '428 precondition_required', 'a change of it needs If-Match');
    r := test.api('rita', 'plan_offer_set', test.by_id(v_plan, '{"price_month":"8.50","price_hour":"0.02","currency":"USD"}', '"1"'));
    PERFORM test.is((r.status, r.body->>'price_month')::text, '(200,8.50)', 'and is made with it');
    PERFORM test.is(test.got(test.api('rita', 'plan_offer_set', test.by_id(v_plan, '{"price_month":"-1","price_hour":"0","currency":"USD"}', '*'))),
        '422 invalid_value /price_month', 'a price is a decimal string');
    PERFORM test.is(test.got(test.api('ada', 'plan_offer_set', test.by_id(v_plan, '{"price_month":"1","price_hour":"0","currency":"USD"}'))),
        '404 not_found', 'who is no reseller sells nothing');
    r := test.api('carl', 'plan_list');
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'price_month', r.body->'items'->0->>'currency')::text,
        '(1,8.50,USD)', 'its tenants see its price');
    PERFORM test.is((test.api('rita', 'plan_read', test.by_id(v_plan))).body->>'price_month', '4.99', 'the reseller sees its own');
    PERFORM test.is((test.api('rita', 'plan_offer_list')).body #>> '{items,0,plan_id}', v_plan, 'offers are listed');
    PERFORM test.is((test.api('rita', 'plan_offer_read', test.by_id(v_plan))).body->>'price_month', '8.50', 'and read');
    PERFORM test.is(test.got(test.api('carl', 'plan_offer_read', test.by_id(v_plan))), '404 not_found', 'by nobody else');

    -- Versions.
    v_etag := (test.api('carl', 'plan_read', test.by_id(v_plan))).etag;
    r := test.api('op', 'admin_plan_version_create', test.by_id(v_plan, jsonb_build_object('price_month', '9.99', 'vcpus', 3,
        'valid_from', now() + interval '1 day')::text));
    PERFORM test.is((r.status, r.body->>'number', r.body->>'vcpus', r.body->>'memory_bytes')::text, '(201,2,3,1073741824)',
        'a version takes from the one before what it does not say');
    v_version := r.body->>'id';
    r := test.api('rita', 'plan_read', test.by_id(v_plan));
    PERFORM test.is((r.body->>'number', r.body->>'vcpus', r.body->'next'->>'vcpus', r.body->'next'->>'price_month')::text, '(1,2,3,9.99)',
        'what will hold is seen, and does not hold');
    r := test.api('carl', 'plan_read', test.by_id(v_plan));
    PERFORM test.is((r.body->'next'->>'vcpus', r.body->'next'->>'price_month', r.etag <> v_etag)::text, '(3,8.50,t)', 'at the price of the reader');
    PERFORM test.is(test.got(test.api('op', 'admin_plan_version_create', test.by_id(v_plan, '{"valid_from":"2020-01-01T00:00:00Z"}'))),
        '422 invalid_value /valid_from', 'no version changes the past');
    PERFORM test.is(jsonb_array_length((test.api('op', 'admin_plan_version_list', test.by_id(v_plan))).body->'items'), 2, 'versions are listed');
    PERFORM test.is(test.got(test.api('op', 'admin_plan_version_delete', test.by_id((SELECT id::text FROM plan_versions
        WHERE plan_id = v_plan::uuid AND number = 1)))), '409 conflict', 'one that holds stays');
    PERFORM test.is((test.api('op', 'admin_plan_version_delete', test.by_id(v_version))).status, 204, 'one that does not can be taken back');

    -- Who sees what.
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"secret","title":"Secret","vcpus":1,"memory_bytes":33554432,"disk_bytes":33554432,'
        '"pids":64,"public":false}}');
    v_secret := r.body->>'id';
    PERFORM test.is(test.got(test.api('ada', 'plan_read', test.by_id(v_secret))), '404 not_found', 'a plan that is not public is seen by nobody');
    PERFORM test.is(test.got(test.vps('ada', 'x', jsonb_build_object('body', jsonb_build_object('name', 'x', 'plan_id', v_secret,
        'image_id', test.get('image'), 'location_id', test.get('location'))))), '422 invalid_value /plan_id', 'nor sold');
    PERFORM test.is(test.got(test.api('rita', 'plan_offer_set', test.by_id(v_secret, '{"price_month":"1","price_hour":"0","currency":"USD"}'))),
        '404 not_found', 'nor offered');
    r := test.api('op', 'admin_plan_viewers_list', test.by_id(v_secret));
    r := test.api('op', 'admin_plan_viewers_set', test.by_id(v_secret, jsonb_build_object('tenant_ids', jsonb_build_array(rita))::text, r.etag));
    PERFORM test.is((r.status, r.body->'tenant_ids'->>0 = rita)::text, '(200,t)', 'it is shown to a tenant');
    PERFORM test.is(test.got(test.api('rita', 'plan_read', test.by_id(v_secret))), '200', 'which sees it');
    PERFORM test.is(test.got(test.api('carl', 'plan_read', test.by_id(v_secret))), '404 not_found', 'but not the tenants below it');
    PERFORM test.is((test.api('rita', 'plan_offer_set', test.by_id(v_secret, '{"price_month":"1","price_hour":"0","currency":"USD"}'))).status, 201,
        'until it sells it to them');
    PERFORM test.is(test.got(test.api('carl', 'plan_read', test.by_id(v_secret))), '200', 'then they do');
    PERFORM test.is((test.api('rita', 'plan_offer_delete', test.by_id(v_secret))).status, 204, 'an offer is withdrawn');
    PERFORM test.is(test.got(test.api('carl', 'plan_read', test.by_id(v_secret))), '404 not_found', 'and the plan is seen no more');
    PERFORM test.is(test.got(test.api('op', 'admin_plan_viewers_set', test.by_id(v_secret, '{"tenant_ids":["rubbish"]}', '*'))),
        '422 invalid_value /tenant_ids', 'the list is of ids');
    PERFORM test.is(test.got(test.api('op', 'admin_plan_update', test.by_id(v_secret, jsonb_build_object('location_ids',
        jsonb_build_array(croft_uuid()))::text, '*'))), '422 invalid_value /location_ids', 'a plan is sold in locations that exist');
    r := test.api('op', 'admin_location_create', '{"body":{"name":"par","title":"Paris"}}');
    PERFORM test.is((test.api('op', 'admin_plan_update', test.by_id(v_secret, jsonb_build_object('public', true, 'location_ids',
        jsonb_build_array(r.body->>'id'))::text, '*'))).status, 200, 'a plan is sold in some locations');
    PERFORM test.is(test.got(test.vps('ada', 'x', jsonb_build_object('body', jsonb_build_object('name', 'x', 'plan_id', v_secret,
        'image_id', test.get('image'), 'location_id', test.get('location'))))), '422 invalid_value /location_id', 'and in no other');

    r := test.api('op', 'admin_image_create', jsonb_build_object('body', jsonb_build_object('name', 'own', 'title', 'Own', 'os', 'debian',
        'arch', 'amd64', 'sha256', test.hash('own'), 'size', 10, 'signature', test.hash('a') || test.hash('b'), 'public', false)));
    PERFORM test.is(test.got(test.api('carl', 'image_read', test.by_id(r.body->>'id'))), '404 not_found', 'an image that is not public is not seen');
    PERFORM test.is(test.got(test.vps('carl', 'x', jsonb_build_object('body', jsonb_build_object('name', 'x', 'plan_id', v_plan,
        'image_id', r.body->>'id', 'location_id', test.get('location'))))), '422 invalid_value /image_id', 'nor used');
    PERFORM test.is(test.got(test.api('op', 'admin_image_viewers_list', test.by_id(r.body->>'id'))), '200', 'who sees it is read');
    PERFORM test.is((test.api('op', 'admin_image_viewers_set', test.by_id(r.body->>'id',
        jsonb_build_object('tenant_ids', jsonb_build_array(rita))::text, '*'))).status, 200, 'shown to a reseller');
    PERFORM test.is(test.got(test.api('carl', 'image_read', test.by_id(r.body->>'id'))), '200', 'it is seen below it');
    PERFORM test.is(test.got(test.api('bob', 'image_read', test.by_id(r.body->>'id'))), '404 not_found', 'and nowhere else');
END
$$;

-- Quotas at two levels, overrides, what holds them, dry runs.
DO $$
DECLARE
    r test.reply;
    rita text := test.get('rita'); carl text := test.get('carl'); dora text := test.get('dora');
    v text;
    v_before text;
BEGIN
    v_before := (SELECT count(*) FROM vps) || ' ' || (SELECT count(*) FROM tasks) || ' ' || (SELECT sum(used) FROM quotas) || ' '
        || (SELECT sum(used) FROM pools) || ' ' || (SELECT max(xid::text::bigint) FROM events);
    r := test.vps('carl', 'dry', '{"query":{"dry_run":true},"idempotency":{"key":"dry","hash":"h"}}');
    PERFORM test.is((r.status, r.body->'price'->>'price_month', r.body->'placement'->>'node_id',
        r.body->'placement'->>'location_id' = test.get('location'))::text, '(200,8.50,,t)', 'a dry run says price and place, not which node');
    PERFORM test.is((SELECT x->>'left' FROM jsonb_array_elements(r.body->'quota_left') x WHERE x->>'resource' = 'vps'), '99', 'and what would be left');
    PERFORM test.is((SELECT count(*) FROM vps) || ' ' || (SELECT count(*) FROM tasks) || ' ' || (SELECT sum(used) FROM quotas) || ' '
        || (SELECT sum(used) FROM pools) || ' ' || (SELECT max(xid::text::bigint) FROM events), v_before, 'and writes nothing');
    PERFORM test.is((SELECT count(*) FROM idempotency_keys WHERE key = 'dry'), 0::bigint, 'not even the key');
    INSERT INTO tokens (tenant_id, name, token_hash, prefix, platform_role) VALUES (croft_root(), 'staff', test.hash('staff'), 't', 'operator');
    PERFORM test.is((test.vps('staff', 'dry', '{"query":{"dry_run":true}}')).body->'placement'->>'node_id' IS NOT NULL, true, 'staff are told the node');
    PERFORM test.is(test.got(test.vps('carl', 'dry', jsonb_build_object('query', '{"dry_run":true}'::jsonb, 'body', jsonb_build_object('name', 'dry',
        'plan_id', croft_uuid(), 'image_id', test.get('image'), 'location_id', test.get('location'))))), '422 invalid_value /plan_id',
        'what would fail fails');

    r := test.vps('carl', 'one');
    PERFORM test.is((r.status, r.body->'vps'->>'plan_version')::text, '(202,1)', 'a vps below a reseller knows its version');
    v := test.set('carl_vps', r.body->'vps'->>'id');
    PERFORM test.is(test.quota(carl, 'vps') || ' ' || test.quota(rita, 'vps') || ' ' || test.quota(rita, 'running_vps'), '1/100 1/3 1/unlimited',
        'it counts at both levels');
    PERFORM test.vps('dora', 'one');
    PERFORM test.is(test.got(test.vps('dora', 'two')), '409 quota_exceeded', 'a quota of running vps');
    PERFORM test.is((test.vps('dora', 'two', jsonb_build_object('body', jsonb_build_object('name', 'two', 'plan_id', test.get('plan'),
        'image_id', test.get('image'), 'location_id', test.get('location'), 'start', false)))).status, 202, 'does not count what is off');
    PERFORM test.is(test.got(test.api('dora', 'vps_start', test.by_id((SELECT id::text FROM vps WHERE tenant_id = dora::uuid AND name = 'two')))),
        '409 quota_exceeded', 'nor lets it be started');
    PERFORM test.is((test.api('dora', 'vps_stop', test.by_id((SELECT id::text FROM vps WHERE tenant_id = dora::uuid AND name = 'one')))).status, 202,
        'stopping gives back');
    PERFORM test.is(test.quota(dora, 'running_vps') || ' ' || test.quota(rita, 'running_vps'), '0/1 1/unlimited', 'at both levels');
    PERFORM test.is((test.api('dora', 'vps_start', test.by_id((SELECT id::text FROM vps WHERE tenant_id = dora::uuid AND name = 'two')))).status, 202,
        'then another may run');
    r := test.vps('carl', 'too many');
    PERFORM test.is((r.status, r.code, r.body->>'detail' LIKE '%reseller above%')::text, '(409,quota_exceeded,t)', 'the reseller''s own quota holds');
    PERFORM test.consistent('with two levels in use');

    r := test.api('rita', 'quota_holder_list', '{"query":{"resource":"vps","limit":1}}');
    PERFORM test.is((r.body->'items'->0->>'type', r.body->'items'->0->>'id' = carl, r.body->'items'->0->>'amount')::text, '(tenant,t,1)',
        'a reseller''s quota is held by its tenants');
    r := test.api('rita', 'quota_holder_list', jsonb_build_object('query', jsonb_build_object('resource', 'vps', 'limit', 1, 'cursor', r.location)));
    PERFORM test.is((r.body->'items'->0->>'id' = dora, r.body->'items'->0->>'amount', r.location)::text, '(t,2,)', 'page by page');
    r := test.api('carl', 'quota_holder_list', '{"query":{"resource":"memory_bytes"}}');
    PERFORM test.is((jsonb_array_length(r.body->'items'), r.body->'items'->0->>'type', r.body->'items'->0->>'name',
        r.body->'items'->0->>'amount')::text, '(1,vps,one,1073741824)', 'a tenant''s by its vps');
    PERFORM test.is((test.api('op', 'admin_quota_holder_list', test.by_id(dora) || '{"query":{"resource":"vps"}}')).body #>> '{items,0,name}', 'one',
        'operators see it of anybody');
    PERFORM test.is((test.api('rita', 'child_quota_list', test.by_id(carl))).body->'items'->0->>'resource' IS NOT NULL, true, 'a reseller reads quotas below');
    PERFORM test.is(test.got(test.api('rita', 'child_quota_set', test.by_id(dora, '{"vps":1}', '*'))), '409 conflict /vps', 'and sets none below what is used');
    PERFORM test.is((test.api('rita', 'child_quota_set', test.by_id(carl, '{"vps":4}', '*'))).status, 200, 'but what it likes');

    PERFORM test.is((test.api('op', 'admin_quota_override', test.by_id(rita, '{"vps":{"limit":4,"reason":"until June"}}', '*'))).status, 200,
        'an operator overrides with a reason');
    r := test.api('rita', 'quota_list');
    PERFORM test.is((SELECT (x->>'limit', x->>'ceiling', x->>'override', x->>'override_reason')::text FROM jsonb_array_elements(r.body->'items') x
        WHERE x->>'resource' = 'vps'), '(4,3,true,"until June")', 'visibly');
    r := test.vps('carl', 'more');
    PERFORM test.is(r.status, 202, 'and it holds');
    PERFORM test.is(test.got(test.api('op', 'admin_quota_override', jsonb_build_object('if_match', '*', 'id', rita, 'body', '{"vps":null}'::jsonb))), '409 conflict /vps', 'taking it back needs room');
    PERFORM test.is(test.got(test.api('op', 'admin_quota_override', test.by_id(rita, '{"vps":{"limit":1,"reason":"x"}}', '*'))), '409 conflict /vps',
        'none is below what is used');
    PERFORM test.settle(r.body->'task'->>'id', 'failed', 'absent');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = (r.body->'vps'->>'id')::uuid), 'done', 'absent');
    PERFORM test.is((test.api('op', 'admin_quota_override', jsonb_build_object('if_match', '*', 'id', rita, 'body', '{"vps":null}'::jsonb))).status, 200, 'then it is taken back');
    PERFORM test.is(test.got(test.api('op', 'admin_quota_override', jsonb_build_object('if_match', '*', 'id', croft_root(), 'body', '{"vps":null}'::jsonb))), '409 conflict', 'the root has none');
    PERFORM test.consistent('after overrides');
    PERFORM test.is((test.api('rita', 'tenant_usage', test.by_id(carl))).body->>'tenant_id', carl, 'usage of a tenant below');
    PERFORM test.is((test.api('op', 'admin_tenant_usage', test.by_id(rita))).body->>'cpu_ns', '0', 'of all below a reseller');
END
$$;

-- Acting as a tenant below.
DO $$
DECLARE
    r test.reply;
    carl text := test.get('carl');
BEGIN
    r := test.as_tenant('rita', carl, 'vps_list');
    PERFORM test.is((r.status, jsonb_array_length(r.body->'items'))::text, '(200,1)', 'a reseller acts as its tenant');
    r := test.as_tenant('rita', carl, 'vps_update', test.by_id(test.get('carl_vps'), '{"name":"renamed"}', '*'));
    PERFORM test.is(r.status, 200, 'also to change something');
    PERFORM test.is((SELECT actor->>'tenant_id' FROM events WHERE subject_id = test.get('carl_vps')::uuid ORDER BY id DESC LIMIT 1), test.get('rita'),
        'the log says who it was');
    PERFORM test.is(test.got(test.as_tenant('rita', test.get('ada'), 'vps_list')), '403 forbidden', 'as a foreign one it does not');
    PERFORM test.is((test.as_tenant('rita', test.get('ada'), 'vps_list')).body, (test.as_tenant('rita', croft_uuid()::text, 'vps_list')).body,
        'which looks like a missing one');
    PERFORM test.is(test.got(test.as_tenant('carl', test.get('dora'), 'vps_list')), '403 forbidden', 'nor a tenant as its neighbour');
    PERFORM test.is(test.got(test.as_tenant('carl', test.get('rita'), 'vps_list')), '403 forbidden', 'nor as its reseller');
END
$$;

-- The life of a tenant.
DO $$
DECLARE
    r test.reply;
    rita text := test.get('rita'); carl text := test.get('carl'); dora text := test.get('dora');
    v uuid := test.get('carl_vps');
    x vps;
    n int := 0;
BEGIN
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v), 'done', 'running');
    r := test.api('rita', 'tenant_suspend', test.by_id(carl, '{"reason":"unpaid","policy":"throttle"}'));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'suspended_reason', r.body->>'suspended_by', r.body->>'suspend_policy')::text,
        '(200,suspended,unpaid,reseller,throttle)', 'a reseller suspends, with a reason');
    SELECT * INTO x FROM vps WHERE id = v;
    PERFORM test.is((x.suspended, x.desired, x.task_id IS NOT NULL)::text, '(throttle,running,t)', 'its vps is told, what is desired stays');
    PERFORM test.is((SELECT spec->>'suspended' FROM tasks WHERE id = x.task_id), 'throttle', 'and so is its node');
    PERFORM test.is(test.got(test.vps('carl', 'x')), '403 forbidden', 'nothing is made');
    PERFORM test.is(test.got(test.api('carl', 'vps_start', test.by_id(v::text))), '403 forbidden', 'nor changed');
    PERFORM test.is(test.got(test.api('carl', 'vps_list')), '200', 'but all is read');
    PERFORM test.settle(x.task_id::text, 'done', 'running');

    r := test.api('op', 'admin_tenant_suspend', test.by_id(rita, '{"reason":"abuse"}'));
    PERFORM test.is((r.status, r.body->>'suspended_by', r.body->>'suspend_policy')::text, '(200,operator,stop)', 'an operator suspends a reseller');
    PERFORM test.is((SELECT string_agg(effective_state || ' ' || effective_policy, ',' ORDER BY name) FROM tenants WHERE path @> ARRAY[rita::uuid]),
        'suspended stop,suspended stop,suspended stop', 'and with it all below');
    PERFORM test.is((SELECT string_agg(DISTINCT suspended, ' ') FROM vps WHERE tenant_id IN (carl::uuid, dora::uuid) AND deleted_at IS NULL), 'stop',
        'whose vps stop');
    PERFORM test.is((test.api('dora', 'tenant_read', test.by_id(dora))).body->>'state', 'active', 'its own state stays');
    PERFORM test.is(test.got(test.vps('dora', 'x')), '403 forbidden', 'and nothing is made');
    PERFORM test.is(test.got(test.api('rita', 'tenant_resume', test.by_id(carl))), '403 forbidden', 'a suspended reseller resumes nobody');
    SELECT * INTO x FROM vps WHERE id = v;
    PERFORM test.settle(x.task_id::text, 'done', 'stopped');
    SELECT * INTO x FROM vps WHERE id = v;
    PERFORM test.is((x.desired, x.observed, x.task_id, x.error)::text, '(running,stopped,,)', 'a stopped vps is what its tenant''s state wants');
    r := test.api('op', 'admin_tenant_resume', test.by_id(rita));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'suspended_reason')::text, '(200,active,)', 'a reseller is resumed');
    PERFORM test.is((SELECT suspended FROM vps WHERE id = v), 'throttle', 'what holds of its tenants goes on holding');
    PERFORM test.is((test.api('rita', 'tenant_resume', test.by_id(carl))).status, 200, 'and is ended by itself');
    PERFORM test.is((SELECT suspended IS NULL AND desired = 'running' AND task_id IS NOT NULL FROM vps WHERE id = v), true, 'without loss');
    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v), 'done', 'running');

    PERFORM test.api('op', 'admin_tenant_suspend', test.by_id(carl, '{"reason":"court"}'));
    PERFORM test.is(test.got(test.api('rita', 'tenant_resume', test.by_id(carl))), '403 forbidden', 'what an operator ordered a reseller does not take back');
    PERFORM test.is(test.got(test.api('rita', 'tenant_suspend', test.by_id(carl, '{"reason":"mine"}'))), '403 forbidden', 'nor makes its own');
    PERFORM test.is((test.api('rita', 'tenant_close', test.by_id(carl, '{"reason":"left"}'))).status, 200, 'it may close it');
    PERFORM test.is(test.got(test.api('rita', 'tenant_resume', test.by_id(carl))), '403 forbidden', 'but not get it out of it');
    r := test.api('op', 'admin_tenant_resume', test.by_id(carl));
    PERFORM test.is((r.status, r.body->>'state', r.body->>'grace_until')::text, '(200,active,)', 'within its grace a closing is taken back');
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_suspend', test.by_id(croft_root()::text, '{"reason":"x"}'))), '409 conflict', 'the root is always active');
    PERFORM test.is((test.api('rita', 'tenant_resume', test.by_id(carl))).status, 200, 'resuming what is active changes nothing');
    PERFORM test.api('rita', 'tenant_suspend', test.by_id(carl, '{"reason":"mine"}'));
    PERFORM test.api('op', 'admin_tenant_close', test.by_id(carl, '{"reason":"court"}'));
    PERFORM test.is(test.got(test.api('rita', 'tenant_resume', test.by_id(carl))), '403 forbidden', 'nor a closing that came after its own suspension');
    PERFORM test.api('op', 'admin_tenant_resume', test.by_id(carl));

    -- More vps than a step does are reached by the next ones.
    UPDATE vps SET suspended = 'stop' WHERE id = v;
    PERFORM test.is((croft_tenant_chores() ->> 'applied'), '1', 'what a death left half done housekeeping ends');
    PERFORM test.is((SELECT suspended FROM vps WHERE id = v), NULL, 'as the tenant''s state says');
    PERFORM test.is((croft_tenant_chores() ->> 'more'), 'false', 'once');

    -- Closed with everything below it, after its grace.
    r := test.api('op', 'admin_tenant_close', test.by_id(rita, '{"reason":"bankrupt","grace_s":3600}'));
    PERFORM test.is((r.status, r.body->>'state', (r.body->>'grace_until')::timestamptz > now() + interval '59 minutes')::text, '(200,closing,t)', 'closing has a grace');
    PERFORM test.is((SELECT count(*) FROM vps WHERE tenant_id IN (carl::uuid, dora::uuid) AND desired = 'deleted' AND deleted_at IS NULL), 0::bigint, 'in which nothing is deleted');
    PERFORM croft_tenant_chores();
    PERFORM test.is((SELECT count(*) FROM vps WHERE tenant_id IN (carl::uuid, dora::uuid) AND suspended = 'stop' AND desired <> 'deleted'), 3::bigint, 'only stopped');
    PERFORM test.is(test.got(test.api('rita', 'tenant_list')), '200', 'and all is read');
    UPDATE tenants SET grace_until = now() - interval '1 s' WHERE id = rita::uuid;
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_resume', test.by_id(rita))), '409 conflict', 'afterwards nothing is taken back');
    PERFORM test.is((croft_tenant_chores() ->> 'deleted'), '3', 'then all is ordered to be deleted');
    PERFORM test.is((croft_tenant_chores() ->> 'closed'), 'false', 'closed is who has nothing left');
    PERFORM test.settle(task_id::text, 'done', 'absent') FROM vps WHERE tenant_id IN (carl::uuid, dora::uuid) AND deleted_at IS NULL;
    PERFORM test.is((croft_tenant_chores() ->> 'closed'), 'true', 'when the nodes have said so it is closed');
    PERFORM test.is((SELECT string_agg(state, ' ') FROM tenants WHERE path @> ARRAY[rita::uuid]), 'closed closed closed', 'with those below');
    PERFORM test.is(test.got(test.api('carl', 'vps_list')) || ' ' || test.got(test.api('rita', 'tenant_list')), '401 unauthenticated 401 unauthenticated', 'whose tokens are over');
    PERFORM test.is((SELECT sum(used) FROM quotas WHERE tenant_id IN (rita::uuid, carl::uuid, dora::uuid)), 0::numeric, 'nothing is held');
    PERFORM test.ok((SELECT count(*) > 10 FROM events WHERE tenant_id = carl::uuid), 'the log stays');
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_resume', test.by_id(rita))), '409 conflict', 'closed is for ever');
    PERFORM test.is(test.got(test.api('op', 'admin_tenant_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'parent_id', rita)))),
        '403 forbidden', 'nobody is made below it');
    PERFORM test.consistent('after a reseller was closed');
END
$$;

-- A billing module's own names and labels of tenants.
DO $$
DECLARE
    v_first uuid := test.tenant('refs', '{}', croft_root(), 'reseller');
    v_second uuid := test.tenant('refs-beside', '{}', croft_root(), 'reseller');
    r test.reply;
    v_tenant text;
    v_body jsonb := '{"body":{"name":"Ada","external_ref":"whmcs-1","labels":{"tier":"gold"}}}';
BEGIN
    r := test.api('refs', 'tenant_create', v_body);
    PERFORM test.is((r.status, r.body->>'external_ref', r.body->'labels')::text, '(201,whmcs-1,"{""tier"": ""gold""}")', 'a tenant is made with both');
    v_tenant := r.body->>'id';
    PERFORM test.is(test.got(test.api('refs', 'tenant_create', v_body)), '409 external_ref_exists /external_ref', 'once');
    PERFORM test.is((test.api('refs-beside', 'tenant_create', v_body)).status, 201, 'another reseller has names of its own');
    PERFORM test.is((test.api('op', 'admin_tenant_create', v_body)).status, 201, 'and so has the operator');
    PERFORM test.is((test.api('refs', 'tenant_list', '{"query":{"external_ref":"whmcs-1"}}')).body->'items'->0->>'id', v_tenant, 'it is found by its name');
    PERFORM test.is(jsonb_array_length((test.api('refs', 'tenant_list', '{"query":{"label":{"is":{"tier":"gold"},"has":[],"lacks":[],"not":[]}}}')).body->'items'),
        1, 'and by its labels');
    PERFORM test.is(jsonb_array_length((test.api('refs', 'tenant_list', '{"query":{"label":{"is":{},"has":[],"lacks":["tier"],"not":[]}}}')).body->'items'),
        0, 'not by those that it lacks');
    r := test.api('refs', 'tenant_create', '{"body":{"name":"Bob","external_ref":"whmcs-2"}}');
    PERFORM test.is(test.got(test.api('refs', 'tenant_update', test.by_id(r.body->>'id', '{"external_ref":"whmcs-1"}', '*'))), '409 external_ref_exists /external_ref',
        'nor is it given twice by a change');
    r := test.api('refs', 'tenant_update', jsonb_build_object('id', v_tenant, 'if_match', '*',
        'body', '{"external_ref":null,"labels":{}}'::jsonb));
    PERFORM test.is((r.status, r.body->'external_ref', r.body->'labels')::text, '(200,null,{})', 'it is taken back');
    r := test.api('refs', 'tenant_update', test.by_id(v_tenant, '{"name":"Ada Ltd"}', '*'));
    PERFORM test.is((r.status, r.body->>'name', r.body->'labels')::text, '(200,"Ada Ltd",{})', 'what is not named stays');
END
$$;
