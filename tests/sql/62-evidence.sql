-- Evidence: limits and hits over several boots, kills, the console's log. A node speaks only for its own vps, a tenant reads only its own.
CREATE FUNCTION test.proof(p_vps text, p_boot text, p_hits bigint, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('vps', p_vps, 'boot', p_boot, 'ts', clock_timestamp(), 'limits', jsonb_build_array(
            jsonb_build_object('name', 'memory', 'used', 100, 'limit', 200, 'hits', p_hits),
            jsonb_build_object('name', 'io', 'used', 5)),
        'cpu', jsonb_build_object('periods', 10, 'throttled_periods', 4, 'throttled_ns', 40000),
        'pressure', NULL, 'oom_kills', 0, 'kills', '[]'::jsonb) || p_more
$$;
CREATE FUNCTION test.prove(p_items jsonb, p_node text DEFAULT 'node') RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.hub(test.get(p_node), test.epoch(test.get(p_node)), 'node_evidence', jsonb_build_object('type', 'evidence', 'items', p_items))
$$;
CREATE FUNCTION test.kill(p_boot text, p_seq int, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('boot', p_boot, 'seq', p_seq, 'ts', now() - interval '1 hour' + p_seq * interval '1 second',
        'process', 'hog' || p_seq, 'pid', p_seq, 'memory_bytes', 4096, 'cause', 'limit') || p_more
$$;
DO $$
DECLARE
    v text;
    b1 text := gen_random_uuid();
    b2 text := gen_random_uuid();
    r test.reply;
    m jsonb;
BEGIN
    r := test.vps('bob', 'proof');
    v := r.body->'vps'->>'id';
    PERFORM test.set('proof', v);
    r := test.api('bob', 'vps_limits', jsonb_build_object('id', v));
    PERFORM test.is((r.status, r.body->'ts', r.body->'limits', r.body->'oom_kills', r.body->'last_oom_kills')::text,
        '(200,null,[],0,[])', 'before the first report nothing is known');
    PERFORM test.is(test.prove(jsonb_build_array(test.proof(v, b1, 3))), '{}', 'evidence is taken');
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body;
    PERFORM test.is(m->'limits'->0, '{"name":"memory","unit":"bytes","used":100,"limit":200,"hits":3,"hits_total":3}', 'a limit is shown');
    PERFORM test.is(m->'limits'->1, '{"name":"io","unit":"bytes_per_second","used":5,"limit":null,"hits":null,"hits_total":null}',
        'one that nobody counts, or that is not there, says so');
    PERFORM test.is((m->'pressure', m->'cpu'->'throttled_ns')::text, '(null,40000)', 'pressure is null where the host has none');
    PERFORM test.prove(jsonb_build_array(test.proof(v, b1, 5)));
    PERFORM test.prove(jsonb_build_array(test.proof(v, b1, 5)));
    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 2)));
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body->'limits'->0;
    PERFORM test.is((m->'hits', m->'hits_total')::text, '(2,7)', 'hits of a new boot add to those of the old, each report once');
    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 1)));
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body->'limits'->0;
    PERFORM test.is((m->'hits', m->'hits_total')::text, '(1,8)', 'a counter that begins again loses nothing');
    PERFORM test.prove(jsonb_build_array(test.proof(v, b1, 900, '{"ts":"2020-01-01T00:00:00Z"}')));
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body;
    PERFORM test.is((m->>'boot', m->'limits'->0->'hits_total')::text, format('(%s,8)', b2), 'a late report changes nothing');
    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 1, jsonb_build_object('pressure',
        '{"cpu":{"some":[1234,0,5,77],"full":null},"memory":{"some":[0,0,0,0],"full":[1,1,1,1]},"io":{"some":[0,0,0,0],"full":[0,0,0,0]}}'::jsonb))));
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body->'pressure';
    PERFORM test.is((m->'cpu'->'some'->>'avg10')::numeric, 12.34, 'pressure is in percent');
    PERFORM test.is((m->'cpu'->'some'->'total_us', m->'cpu'->'full')::text, '(77,null)', 'and its time in microseconds');

    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 1, jsonb_build_object('oom_kills', 30, 'kills',
        (SELECT jsonb_agg(test.kill(b1, n)) FROM generate_series(1, 15) n)))));
    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 1, jsonb_build_object('oom_kills', 30, 'kills',
        (SELECT jsonb_agg(test.kill(b1, n)) FROM generate_series(10, 25) n)))));
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body;
    PERFORM test.is((m->'oom_kills', jsonb_array_length(m->'last_oom_kills'), m->'last_oom_kills'->0->>'process', m->'last_oom_kills'->19->>'process')::text,
        '(30,20,hog25,hog6)', 'the last twenty kills are kept, each once, the last first');

    PERFORM test.is((test.prove(jsonb_build_array(test.proof(v, b2, 9, '{"limits":7}'))))->>'failed', 'CR422', 'limits are a list');
    PERFORM test.is((test.prove(jsonb_build_array(test.proof(v, b2, 9, jsonb_build_object('kills', jsonb_build_array(test.kill(b1, 99, '{"cause":"fate"}')))))))->>'failed',
        'CR422', 'a kill has a known cause');
    PERFORM test.is((test.prove(jsonb_build_array(test.proof(v, b2, 9) - 'boot')))->>'failed', 'CR422', 'evidence is of a boot');
    PERFORM test.prove(jsonb_build_array(test.proof(v, b2, 99)), 'node2');
    m := (test.api('bob', 'vps_limits', jsonb_build_object('id', v))).body->'limits'->0;
    PERFORM test.is(m->'hits_total', '8', 'what is refused, or said by another node, changes nothing');
    PERFORM test.is((test.api('ada', 'vps_limits', jsonb_build_object('id', v))).status, 404, 'evidence is the tenant''s');
    PERFORM test.is((test.api('ada', 'vps_log', jsonb_build_object('id', v))).status, 404, 'as is the log');
END
$$;

DO $$
DECLARE
    v text := test.get('proof');
    n text := test.get('node');
    m jsonb;
BEGIN
    UPDATE node_status SET online = false WHERE node_id = n::uuid;
    m := (test.api('bob', 'vps_log', jsonb_build_object('id', v))).body;
    PERFORM test.is((m->>'state', m->>'text', m->'fetched_at')::text, '(unreachable,"",null)', 'a node that is away is not asked');
    UPDATE node_status SET online = true WHERE node_id = n::uuid;
    m := (test.api('bob', 'vps_log', jsonb_build_object('id', v))).body;
    PERFORM test.is(m->>'state', 'asked', 'a log that is not known is asked for');
    PERFORM test.is((SELECT count(*) FROM test.hub(n, test.epoch(n), 'node_tasks', '{"after":0}') t
        WHERE t->>'type' = 'log_request' AND t->>'vps' = v), 1::bigint, 'and its node told');
    PERFORM test.hub(test.get('node2'), test.epoch(test.get('node2')), 'node_log', jsonb_build_object('vps', v, 'text', 'forged', 'truncated', false));
    PERFORM test.is((test.api('bob', 'vps_log', jsonb_build_object('id', v))).body->>'state', 'asked', 'another node''s answer is none');
    PERFORM test.hub(n, test.epoch(n), 'node_log', jsonb_build_object('vps', v, 'text', 'login: ', 'truncated', true));
    m := (test.api('bob', 'vps_log', jsonb_build_object('id', v))).body;
    PERFORM test.is((m->>'state', m->>'text', m->>'truncated')::text, '(fresh,"login: ",true)', 'the answer is shown');
    PERFORM test.hub(n, test.epoch(n), 'node_log', jsonb_build_object('vps', v, 'text', 'unasked', 'truncated', true));
    PERFORM test.is((test.api('bob', 'vps_log', jsonb_build_object('id', v))).body->>'text', 'login: ', 'what nobody asked for is not kept');
    UPDATE vps_logs SET fetched_at = now() - interval '1 minute';
    m := (test.api('bob', 'vps_log', jsonb_build_object('id', v))).body;
    PERFORM test.is((m->>'state', m->>'text')::text, '(asked,"login: ")', 'an old one is shown while a newer is asked for');
    PERFORM test.is((test.hub(n, test.epoch(n), 'node_log', jsonb_build_object('vps', v, 'text', repeat('x', 70000), 'truncated', true)))->>'failed',
        'CR422', 'a log is bounded');
    PERFORM test.is((test.hub(n, test.epoch(n), 'node_log', '{"vps":"x","text":"","truncated":true}'))->>'failed', 'CR422', 'an id is one');

    PERFORM test.settle((SELECT task_id::text FROM vps WHERE id = v::uuid), 'done', 'running');
    PERFORM test.settle((test.api('bob', 'vps_delete', jsonb_build_object('id', v))).body->'task'->>'id', 'done', 'absent');
    PERFORM test.is((SELECT count(*) FROM (SELECT vps_id FROM vps_evidence UNION ALL SELECT vps_id FROM vps_oom_kills
        UNION ALL SELECT vps_id FROM vps_logs) x WHERE vps_id = v::uuid), 0::bigint, 'a vps that is gone leaves nothing of it');
END
$$;
