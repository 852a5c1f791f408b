-- The world of the tests, made through the API as an operator makes it.
SELECT test.is((SELECT status FROM croft_operator_ensure(jsonb_build_object('email', 'ops@example.org', 'password_hash', 'x',
    'token_hash', test.hash('op'), 'token_prefix', 'croft_op'))), 201, 'the first operator is made');
SELECT croft_operator_ensure(jsonb_build_object('email', 'OPS@example.org', 'token_hash', test.hash('op2'), 'token_prefix', 'p'));
SELECT test.is((SELECT count(*) FROM users), 1::bigint, 'and found the second time');

DO $$
DECLARE
    r test.reply;
BEGIN
    r := test.api('op', 'admin_location_create', '{"body":{"name":"fra","title":"Frankfurt"}}');
    PERFORM test.is(r.status, 201, 'a location is made');
    PERFORM test.set('location', r.body->>'id');
    r := test.api('op', 'admin_location_create', '{"body":{"name":"fra","title":"Frankfurt"}}');
    PERFORM test.is((r.status, r.code, r.pointer)::text, '(409,conflict,/name)', 'its name is unique');

    r := test.api('op', 'admin_plan_create', '{"body":{"name":"s1","title":"Small","vcpus":2,"memory_bytes":1073741824,'
        '"disk_bytes":10737418240,"price_month":"4.99","price_hour":"0.0075"}}');
    PERFORM test.is((r.status, r.body->>'price_month', r.body->>'ipv4_count')::text, '(201,4.99,1)', 'a plan is made');
    PERFORM test.set('plan', r.body->>'id');
    PERFORM test.set('plan_etag', r.etag);
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"s2","vcpus":2,"memory_bytes":1,"disk_bytes":1,"price_month":"1e5"}}');
    PERFORM test.is((r.status, r.pointer)::text, '(422,/price_month)', 'a price is a decimal string');
    r := test.api('op', 'admin_plan_create', '{"body":{"name":"s2","vcpus":2000000,"memory_bytes":1,"disk_bytes":1}}');
    PERFORM test.is(r.status, 422, 'a value out of range is 422');

    r := test.api('op', 'admin_image_create', jsonb_build_object('body', jsonb_build_object('name', 'debian-12', 'title', 'Debian 12',
        'os', 'debian', 'arch', 'amd64', 'sha256', test.hash('image'), 'size', 1000,
        'signature', test.hash('a') || test.hash('b'))));
    PERFORM test.is(r.status, 201, 'an image is made');
    PERFORM test.set('image', r.body->>'id');

    PERFORM test.set('node', test.node('node1', test.get('location')::uuid, 64, 1099511627776, 10995116277760));
    r := test.api('op', 'admin_node_read', jsonb_build_object('id', test.get('node')));
    PERFORM test.is((r.body->>'online', r.body->'capacity'->>'vcpus', r.body->>'epoch')::text, '(true,64,1)', 'the node is online');

    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'v4', 'cidr', '10.83.0.0/22',
        'location_id', test.get('location'))));
    PERFORM test.is((r.status, r.body->>'size')::text, '(201,1021)', 'an IPv4 pool leaves out network, first and broadcast');
    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'v6', 'cidr', 'fd83::/64',
        'location_id', test.get('location'))));
    PERFORM test.is((r.status, jsonb_typeof(r.body->'size'))::text, '(201,string)', 'an IPv6 pool has its size as a string');
    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'cidr', '10.83.1.0/24',
        'location_id', test.get('location'))));
    PERFORM test.is((r.status, r.pointer)::text, '(409,/cidr)', 'pools do not overlap');
    r := test.api('op', 'admin_pool_create', jsonb_build_object('body', jsonb_build_object('name', 'x', 'cidr', 'rubbish',
        'location_id', test.get('location'))));
    PERFORM test.is((r.status, r.pointer)::text, '(422,/cidr)', 'a pool is a network');

    r := test.api('op', 'admin_tenant_create', '{"body":{"name":"ada","quotas":{"vps":10,"vcpus":null,"memory_bytes":null,'
        '"disk_bytes":null,"ipv4":null,"ipv6":null}}}');
    PERFORM test.is((r.status, r.body->>'kind')::text, '(201,tenant)', 'a tenant is made');
    PERFORM test.set('ada', r.body->>'id');
    r := test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', 'ada@example.org',
        'password_hash', 'h', 'tenant_id', test.get('ada'), 'role', 'owner')));
    PERFORM test.is((r.status, r.body->'memberships'->0->>'role')::text, '(201,owner)', 'a user is made');
    PERFORM test.set('ada_user', r.body->>'id');
    r := test.api('op', 'admin_user_create', jsonb_build_object('body', jsonb_build_object('email', 'ADA@example.org',
        'password_hash', 'h', 'tenant_id', test.get('ada'), 'role', 'owner')));
    PERFORM test.is((r.status, r.pointer)::text, '(409,/email)', 'emails are unique whatever their case');
    INSERT INTO tokens (tenant_id, user_id, name, token_hash, prefix)
        VALUES (test.get('ada')::uuid, test.get('ada_user')::uuid, 'ada', test.hash('ada'), 't');
    PERFORM test.set('bob', test.tenant('bob', '{"vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}')::text);
END
$$;
