-- Lists in every order: complete, without a repeat, in order, through an index where a table is big; and no cursor but their own.
RESET plan_cache_mode; RESET enable_seqscan; RESET enable_bitmapscan;

-- Everything of a list, page by page.
CREATE FUNCTION test.walk(p_token text, p_statement text, p_limit int, p_query jsonb DEFAULT '{}') RETURNS SETOF jsonb
LANGUAGE plpgsql AS $$
DECLARE
    r test.reply;
    v_query jsonb := p_query || jsonb_build_object('limit', p_limit);
BEGIN
    FOR i IN 1..200 LOOP
        r := test.api(p_token, p_statement, jsonb_build_object('query', v_query));
        IF r.status <> 200 THEN
            RETURN NEXT to_jsonb(r);
            RETURN;
        END IF;
        RETURN QUERY SELECT jsonb_array_elements(r.body->'items');
        EXIT WHEN r.body->>'next_cursor' IS NULL;
        v_query := v_query || jsonb_build_object('cursor', r.body->'next_cursor');
    END LOOP;
END
$$;

-- Things enough for several pages, some with the same key but for the id.
DO $$
BEGIN
    FOR i IN 1..7 LOOP
        PERFORM test.api('op', 'admin_tenant_create', jsonb_build_object('body', jsonb_build_object('name', chr(64 + i % 3) || '-sorted')));
        PERFORM test.api('op', 'admin_location_create', jsonb_build_object('body', jsonb_build_object('name', 'sorted' || 8 - i)));
        PERFORM test.api('op', 'admin_plan_create', jsonb_build_object('body', jsonb_build_object('name', 'sorted' || 8 - i, 'vcpus', 1 + i % 3,
            'memory_bytes', 1048576 * (i % 2 + 1), 'disk_bytes', 1048576, 'price_month', (i % 4) || '.50')));
        PERFORM test.api('op', 'admin_image_create', jsonb_build_object('body', jsonb_build_object('name', 'sorted' || 8 - i,
            'os', 'debian', 'arch', 'amd64', 'sha256', test.hash('sorted' || i), 'size', 1000, 'signature', test.hash('a') || test.hash('b'))));
        INSERT INTO tokens (tenant_id, name, token_hash, prefix)
            VALUES (test.get('ada')::uuid, 'sorted ' || i % 3, test.hash('sorted' || i), 't');
    END LOOP;
END
$$;

-- Charges of nothing, which go again.
INSERT INTO charges (account_id, month, key, number, tenant_id, meter, description, from_ts, to_ts, quantity, unit, amount, currency, tax_rate, tax_amount, evidence)
SELECT test.get('ada')::uuid, '2024-04-01', 'sorted ' || i, 0, test.get('ada')::uuid, 'traffic', 'Traffic', '2024-04-01Z', '2024-05-01Z', 1, 'TB', 1, 'EUR', 0, 0, '{}'
FROM generate_series(1, 7) i;

-- Vps enough for a planner to care, which hold nothing.
INSERT INTO vps SELECT b.* FROM (SELECT * FROM vps ORDER BY id LIMIT 1) v, generate_series(1, 3000) i,
    jsonb_populate_record(NULL::vps, to_jsonb(v) || jsonb_build_object('id', croft_uuid(), 'name', 'bulk-' || 9999 - i, 'desired', 'running',
        'tenant_id', CASE WHEN i % 500 = 0 THEN test.get('ada') ELSE test.get('bob') END, 'deleted_at', NULL, 'task_id', NULL,
        'observed', CASE WHEN i % 100 = 0 THEN 'error' ELSE 'running' END, 'labels', jsonb_build_object('env', (i % 100)::text),
        'external_ref', 'bulk-' || i, 'created_at', now() - i * interval '1 hour')) b;
ANALYZE;

DO $do$
DECLARE
    s record;
    v_all jsonb[];
    v_seen jsonb[];
    v_token text;
BEGIN
    PERFORM test.tenant('lister', '{}', croft_root(), 'reseller');
    PERFORM test.tenant('listed ' || i, '{}', (SELECT id FROM tenants WHERE name = 'lister')) FROM generate_series(1, 5) i;
    FOR s IN SELECT name, role, substring(name FROM '_by_(.*?)(?:_desc)?$') AS key, name LIKE '%\_desc' AS down,
            regexp_replace(name, '_by_.*$', '') AS base
        FROM test.statements WHERE name ~ '_list(_by_.*)?$' AND role IN ('croft_tenant', 'croft_operator') ORDER BY name
    LOOP
        v_token := CASE WHEN s.role = 'croft_operator' THEN 'op' WHEN s.base = 'tenant_list' THEN 'lister' ELSE 'ada' END;
        CONTINUE WHEN (test.api(v_token, s.base, '{}')).body->'next_cursor' IS NULL; -- a list that is no pages
        IF s.key IS NOT NULL THEN
            PERFORM test.ok((test.api(v_token, s.base, '{"query":{"limit":1}}')).body->>'next_cursor' IS NOT NULL,
                s.base || ' has enough to page through');
        END IF;
        v_all := ARRAY(SELECT w->'id' FROM test.walk(v_token, s.base, 200) w);
        v_seen := ARRAY(SELECT w FROM test.walk(v_token, s.name, CASE WHEN cardinality(v_all) > 200 THEN 199 ELSE 2 END) w);
        PERFORM test.is(ARRAY(SELECT w->'id' FROM unnest(v_seen) w ORDER BY 1), ARRAY(SELECT w FROM unnest(v_all) w ORDER BY 1),
            s.name || ' shows each once');
        IF s.key IS NOT NULL THEN
            PERFORM test.ok(NOT EXISTS (SELECT FROM (SELECT w->>s.key AS this, lag(w->>s.key) OVER (ORDER BY n) AS last
                    FROM unnest(v_seen) WITH ORDINALITY x (w, n)) y
                WHERE CASE WHEN this ~ '^[0-9.]+$' AND last ~ '^[0-9.]+$'
                    THEN CASE WHEN s.down THEN this::numeric > last::numeric ELSE this::numeric < last::numeric END
                    ELSE CASE WHEN s.down THEN this COLLATE "C" > last ELSE this COLLATE "C" < last END END),
                s.name || ' is in order', v_seen::text);
            PERFORM test.is((test.api(v_token, s.name, jsonb_build_object('query', jsonb_build_object('cursor',
                (test.api(v_token, s.base, '{"query":{"limit":1}}')).body->>'next_cursor')))).code, 'invalid_value',
                s.name || ' takes no cursor of another order');
        END IF;
        PERFORM test.is((x.status, x.pointer)::text, '(422,/cursor)', format('%s takes no cursor %s', s.name, left(c, 40)))
        FROM unnest(ARRAY['x', '!!!!', '____', 'AAAA', repeat('A', 1200), 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
                translate(encode(convert_to(s.name || ' zz ' || repeat('k', 20), 'UTF8'), 'base64'), E'+/=\n', '-_'),
                translate(encode('\xff00fe', 'base64'), '+/=', '-_')]
            || CASE WHEN s.key IN ('created_at', 'expires_at', 'vcpus', 'memory_bytes', 'price_month')
                THEN ARRAY(SELECT croft_cursor_sorted(s.name, k, croft_uuid())
                    FROM unnest(ARRAY['', 'now', 'NaN', '1e999', '9999-99-99 99:99:99+00', '1; DROP TABLE vps', repeat('9', 40)]) k) END) c,
            test.api(v_token, s.name, jsonb_build_object('query', jsonb_build_object('cursor', c))) x;
    END LOOP;
END
$do$;

-- What the server does with a request that has filters: the plan is made for it. And the big tables are never read whole.
CREATE FUNCTION test.plan_for(p_statement text, p_query jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s test.statements;
    v_line text;
    v_all text := '';
BEGIN
    SELECT * INTO STRICT s FROM test.statements WHERE name = p_statement;
    PERFORM set_config('plan_cache_mode', CASE WHEN p_query - '{limit,sort,cursor}'::text[] = '{}' THEN 'force_generic_plan'
        ELSE 'force_custom_plan' END, true);
    EXECUTE 'SET LOCAL enable_seqscan = off'; -- as the server's role has it
    EXECUTE 'SET LOCAL ROLE ' || s.role;
    EXECUTE 'PREPARE statement_under_test (jsonb) AS ' || s.text;
    FOR v_line IN EXECUTE format('EXPLAIN EXECUTE statement_under_test (%L)', jsonb_build_object('query', p_query)) LOOP
        v_all := v_all || v_line || E'\n';
    END LOOP;
    DEALLOCATE statement_under_test;
    RESET ROLE;
    RETURN v_all;
END
$$;

SET enable_bitmapscan = off; -- the tables are small here
SELECT test.ok(p !~ 'Seq Scan on (vps|tasks|events|tokens|users|tenants|usage_\w+|quotas|addresses)\y' AND p !~ '\ySort\y',
    s.name || ' reads an index in its order', p)
FROM test.statements s, test.plan_for(s.name, '{}') p
WHERE s.name ~ '^(admin_)?(vps|task|event|token|tenant|user)_list(_by_.*)?$';

RESET enable_bitmapscan; -- which is how a GIN index is read
SELECT test.ok(p ~ x.want AND p !~ 'Seq Scan', format('%s with %s uses %s', x.name, x.query, x.want), p)
FROM (VALUES ('vps_list', '{"name":"web"}'::jsonb, 'vps_name|vps_tenant_name'),
    ('task_list', '{"vps_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}', 'tasks_vps'),
    ('task_list', '{"status":"failed"}', 'tasks_(tenant_)?unusual'),
    ('admin_task_list', '{"status":"failed"}', 'tasks_unusual'),
    ('admin_task_list', '{"node_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}', 'tasks_node'),
    ('admin_task_list', '{"tenant_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}', 'tasks_tenant'),
    ('admin_vps_list', '{"tenant_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}', 'vps_tenant'),
    ('admin_vps_list', '{"node_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}', 'vps_node'),
    ('admin_vps_list', '{"status":"error"}', 'vps_unusual'),
    ('admin_vps_list', '{"external_ref":"x"}', 'vps_external_ref'),
    ('admin_vps_list', '{"label":{"is":{"env":"7"},"has":[],"lacks":[],"not":[]}}', 'vps_labels')
    ) x (name, query, want), test.plan_for(x.name, x.query) p;
DELETE FROM charges WHERE key LIKE 'sorted %';
DELETE FROM vps_periods WHERE vps_id IN (SELECT id FROM vps WHERE name LIKE 'bulk-%');
DELETE FROM vps WHERE name LIKE 'bulk-%';
ANALYZE;
