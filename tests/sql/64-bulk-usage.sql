-- Usage of many vps by their references, as billing systems fetch it; CSV.
CREATE FUNCTION test.bulk(p_token text, p_query jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT (test.api(p_token, CASE p_token WHEN 'op' THEN 'admin_bulk_usage' ELSE 'bulk_usage' END, jsonb_build_object('query', p_query))).body
$$;

DO $$
DECLARE
    shop uuid := test.tenant('shop', '{"vps":null,"running_vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}', croft_root(), 'reseller');
    one uuid := test.tenant('shop-one', '{"vps":null,"running_vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}', shop);
    two uuid := test.tenant('shop-two', '{"vps":null,"running_vps":null,"vcpus":null,"memory_bytes":null,"disk_bytes":null,"ipv4":null,"ipv6":null}', shop);
    ids uuid[];
    r test.reply;
    j jsonb;
    v_from timestamptz := date_trunc('hour', now(), 'UTC') - interval '2 hours';
    v_range jsonb := jsonb_build_object('from', v_from, 'to', v_from + interval '2 hours');
    v_csv text;
BEGIN
    UPDATE node_status SET online = true, last_seen_at = now() + interval '1 hour';
    UPDATE tenants SET external_ref = 'client-1' WHERE id = one;
    FOR i IN 1..3 LOOP
        r := test.vps(CASE WHEN i < 3 THEN 'shop-one' ELSE 'shop-two' END, 'bulk' || i);
        ids[i] := r.body->'vps'->>'id';
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
        UPDATE vps SET external_ref = 'svc-' || i, created_at = now() - interval '10 hours' WHERE id = ids[i];
        PERFORM test.age(ids[i]::text, interval '10 hours');
    END LOOP;
    -- What the second one was: running until a quarter past the first hour, stopped after that.
    SET LOCAL session_replication_role = replica;
    UPDATE vps_periods SET to_ts = v_from + interval '15 minutes' WHERE vps_id = ids[2];
    INSERT INTO vps_periods (vps_id, tenant_id, location_id, plan_id, plan_version, state, disk_bytes, ipv4_count, ipv6_count, from_ts, follows)
        SELECT vps_id, tenant_id, location_id, plan_id, plan_version, 'running', disk_bytes, 3, ipv6_count, to_ts, to_ts FROM vps_periods WHERE vps_id = ids[2];
    INSERT INTO snapshot_periods (snapshot_id, vps_id, tenant_id, size_bytes, from_ts, to_ts)
        VALUES (gen_random_uuid(), ids[2], one, 1000, v_from + interval '1 hour', v_from + interval '1 hour 10 seconds');
    PERFORM test.measured(ids[2], v_from + n * interval '1 hour', jsonb_build_object('last_cpu_ns', 10 ^ n, 'last_net_rx_bytes', 1,
        'last_net_tx_bytes', 2, 'last_net_rx_outside_bytes', 3, 'last_net_tx_outside_bytes', 4)) FROM generate_series(0, 2) n;
    SET LOCAL session_replication_role = origin;

    j := test.bulk('shop', v_range || '{"external_ref":"svc-2,svc-3,svc-9"}');
    PERFORM test.is((SELECT string_agg(x->>'external_ref', ' ') FROM jsonb_array_elements(j->'items') x), 'svc-2 svc-3', 'a reseller asks for some by their references');
    j := j->'items'->0;
    PERFORM test.is((j->>'seconds', j->>'running_seconds', j->>'ipv4_seconds', j->>'tenant_external_ref')::text, '(7200,7200,19800,client-1)', 'existence to the second');
    PERFORM test.is((j->>'cpu_ns', j->>'net_tx_outside_bytes', j->>'snapshot_byte_seconds')::text, '(11,8,10000)', 'what was measured in the hours that begin in it');
    PERFORM test.is((j->'plans'->0->>'name', j->'plans'->0->>'seconds', jsonb_array_length(j->'plans'))::text, '(s1,7200,1)', 'by plan');
    PERFORM test.is(jsonb_array_length(test.bulk('shop', v_range)->'items'), 3, 'all below a reseller');
    PERFORM test.is(jsonb_array_length(test.bulk('shop-one', v_range)->'items'), 2, 'a tenant sees its own');
    PERFORM test.is(jsonb_array_length(test.bulk('bob', v_range || '{"external_ref":"svc-1"}')->'items'), 0, 'and nobody else''s');
    PERFORM test.is(jsonb_array_length(test.bulk('shop-one', v_range || jsonb_build_object('tenant_id', two))->'items'), 0, 'not even if it asks for it');
    PERFORM test.is(jsonb_array_length(test.bulk('op', v_range || jsonb_build_object('tenant_id', two))->'items'), 1, 'an operator sees a tenant''s');
    PERFORM test.is(jsonb_array_length(test.all_pages('shop', 'bulk_usage', v_range || '{"limit":1}')), 3, 'page by page each once');
    PERFORM test.is((test.bulk('shop', jsonb_build_object('from', v_from, 'to', v_from + interval '1 hour'))->'items'->1->>'seconds')::int
        + (test.bulk('shop', jsonb_build_object('from', v_from + interval '1 hour', 'to', v_from + interval '2 hours'))->'items'->1->>'seconds')::int,
        7200, 'periods that touch add up');
    PERFORM test.is(jsonb_array_length(test.bulk('shop', '{"from":"2001-01-01T00:00:00Z","to":"2001-02-01T00:00:00Z"}')->'items'), 0, 'before they were made there is nothing');
    PERFORM test.is(jsonb_array_length(test.bulk('shop', '{"month":"2001-01"}')->'items'), 0, 'nor in a month');
    PERFORM test.is((test.api('shop', 'bulk_usage', '{"query":{"month":"2001-13"}}')).pointer, '/month', 'a month is one');
    PERFORM test.is((test.api('shop', 'bulk_usage', '{"query":{"month":"2001-12","to":"2001-02-01T00:00:00Z"}}')).pointer, '/month', 'or a range, not both');

    UPDATE vps SET external_ref = 'a,"b"', name = 'bulk2-x' WHERE id = ids[2];
    PERFORM test.is(test.bulk('shop', v_range || '{"external_ref":"a,\"b\""}')->'items'->0->>'vps_id', ids[2]::text, 'a reference that holds a comma');
    v_csv := (croft_bulk_usage_of(ARRAY[one], jsonb_build_object('query', v_range || '{"format":"csv"}'))).body;
    PERFORM test.ok(v_csv ~ '^"vps_id","name",' AND v_csv LIKE '%,"a,""b""",%' AND v_csv LIKE '%,"s1@1 running 7200",%', 'as CSV', v_csv);
    PERFORM test.is(cardinality(string_to_array(v_csv, E'\r\n')), 4, 'a head and a line each');
    FOR i IN 1..3 LOOP
        PERFORM test.settle((test.api(CASE WHEN i < 3 THEN 'shop-one' ELSE 'shop-two' END, 'vps_delete', jsonb_build_object('id', ids[i]))).body->'task'->>'id', 'done', 'absent');
    END LOOP;
    PERFORM test.is(jsonb_array_length(test.bulk('shop', v_range)->'items'), 3, 'what is deleted has its usage');
END
$$;

SELECT test.is(croft_csv_text(v), want, 'CSV of ' || v) FROM (VALUES ('plain', '"plain"'), ('=1+1', '"''=1+1"'), (' @x', '"'' @x"'), (E'\tx', E'"''\tx"'),
    ('-1', '"''-1"'), ('+1', '"''+1"'), ('say "x"', '"say ""x"""'), (E'two\nlines', E'"two\nlines"'), ('', '""')) x (v, want);
SELECT test.is(croft_csv_line('{"a":-1,"b":null,"c":"x","d":true}', '{a,b,c,d,e}'), E'-1,,"x",true,\r\n', 'numbers are numbers');
