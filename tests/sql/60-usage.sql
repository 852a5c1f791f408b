-- Usage is counted once: in order, twice, shuffled, late, with gaps, backwards.
CREATE FUNCTION test.sample(p_vps text, p_boot text, p_seq int, p_cpu bigint, p_more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object('vps', p_vps, 'boot', p_boot, 'seq', p_seq, 'ts', now() - interval '1 minute', 'mono_ns', p_seq * 10000000000,
        'cpu_ns', p_cpu, 'memory_bytes', 1000, 'memory_anon_bytes', 500, 'disk_bytes', 2000, 'io_read_bytes', p_cpu, 'io_write_bytes', p_cpu,
        'io_read_ops', p_cpu, 'io_write_ops', p_cpu, 'net_rx_bytes', p_cpu, 'net_tx_bytes', p_cpu, 'net_rx_packets', p_cpu,
        'net_tx_packets', p_cpu, 'pids', 1, 'oom_kills', 0) || p_more
$$;
-- By column, as the server says them (server/hub_usage.c).
CREATE FUNCTION test.columns(p_samples jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('batch', 1, 'vps', format('{%s}', string_agg(x->>'vps', ',' ORDER BY n)), 'boots', format('{%s}', string_agg(x->>'boot', ',' ORDER BY n)),
        'ts', format('{%s}', string_agg(x->>'ts', ',' ORDER BY n)), 'fine', string_agg(coalesce(x->>'fine', ''), '|' ORDER BY n),
        'numbers', format('{%s}', string_agg((SELECT format('{%s}', string_agg(coalesce(x->>k, CASE WHEN k ~ 'inside|outside|gaps' THEN '0' ELSE 'NULL' END), ',' ORDER BY i))
            FROM unnest(string_to_array('seq mono_ns cpu_ns io_read_bytes io_write_bytes io_read_ops io_write_ops net_rx_bytes net_tx_bytes net_rx_packets net_tx_packets oom_kills memory_bytes '
                'memory_anon_bytes disk_bytes pids net_rx_inside_bytes net_tx_inside_bytes net_rx_outside_bytes net_tx_outside_bytes net_gaps', ' ')) WITH ORDINALITY c (k, i)), ',' ORDER BY n)))
    FROM jsonb_array_elements(CASE jsonb_typeof(p_samples) WHEN 'array' THEN p_samples ELSE '[]' END) WITH ORDINALITY e (x, n)
$$;
CREATE FUNCTION test.report(p_samples jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.hub(test.get('node'), test.epoch(test.get('node')), 'node_usage', test.columns(p_samples))
$$;
DO $$
DECLARE
    v text;
    b1 text := gen_random_uuid();
    b2 text := gen_random_uuid();
    a jsonb;
    r test.reply;
BEGIN
    v := (test.vps('bob', 'meter')).body->'vps'->>'id';
    PERFORM test.set('meter', v);
    a := test.report(jsonb_build_array(test.sample(v, b1, 1, 100), test.sample(v, b1, 2, 150)));
    PERFORM test.is((a->>'type', a->>'batch', a->>'stored', a->>'ignored')::text, '(usage_ack,1,2,0)', 'a batch is counted');
    a := test.report(jsonb_build_array(test.sample(v, b1, 1, 100), test.sample(v, b1, 2, 150)));
    PERFORM test.is((a->>'stored', a->>'ignored')::text, '(0,2)', 'twice is once');
    a := test.report(jsonb_build_array(test.sample(v, b1, 4, 300), test.sample(v, b1, 3, 200), test.sample(v, b1, 3, 200)));
    PERFORM test.is(a->>'stored', '2', 'shuffled and doubled within a batch');
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v, 'query', '{}'::jsonb));
    PERFORM test.is((r.status, r.body->>'cpu_ns', r.body->>'memory_byte_seconds', r.body->>'disk_byte_seconds', r.body->>'gaps',
        r.body->'last'->>'seq')::text, '(200,300,30000,60000,0,4)', 'sums');
    PERFORM test.report(jsonb_build_array(test.sample(v, b1, 7, 700)));
    PERFORM test.report(jsonb_build_array(test.sample(v, b1, 5, 400)));
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is((r.body->>'cpu_ns', r.body->>'memory_byte_seconds', r.body->>'gaps')::text, '(700,30000,1)',
        'a gap: counters go on, levels are not guessed, what comes late is not counted again');
    PERFORM test.report(jsonb_build_array(test.sample(v, b2, 1, 50)));
    PERFORM test.report(jsonb_build_array(test.sample(v, b1, 8, 710)));
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is(r.body->>'cpu_ns', '760', 'a new boot starts at zero, a late sample of the old one counts');
    PERFORM test.report(jsonb_build_array(test.sample(v, b2, 2, 10), test.sample(v, b2, 3, 60)));
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is((r.body->>'cpu_ns', r.body->>'gaps')::text, '(770,2)', 'a counter that goes back counts nothing twice');

    PERFORM test.is((test.report(jsonb_build_array(test.sample(v, b2, 4, 100), test.sample(v, b2, 5, -1))))->>'failed', 'CR422', 'negative');
    PERFORM test.is((test.report(jsonb_build_array(test.sample(v, b2, 4, 100, '{"cpu_ns":"x"}'))))->>'failed', 'CR422', 'not a number');
    PERFORM test.is((test.report(jsonb_build_array(test.sample(v, b2, 4, 100) - 'cpu_ns')))->>'failed', 'CR422', 'incomplete');
    PERFORM test.is((test.hub(test.get('node'), test.epoch(test.get('node')), 'node_usage', test.columns(jsonb_build_array(test.sample(v, b2, 4, 100))) || x))->>'failed', 'CR422', 'refused whole: ' || x::text)
        FROM unnest(ARRAY['{"vps":null}', '{"boots":"{}"}', '{"ts":"{NULL}"}', '{"numbers":"{}"}', '{"numbers":"{{1,2}}"}', '{"vps":"{x}"}', '{"vps":"{{}}"}']::jsonb[]) x;
    PERFORM test.is((test.report('[]')->>'stored', test.report('[]')->>'ignored')::text, '(0,0)', 'nothing is nothing');
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is(r.body->>'cpu_ns', '770', 'and nothing of those is counted');
    PERFORM test.is((SELECT seq FROM usage_marks WHERE boot = b2::uuid), 3::bigint, 'nor moves the watermark');

    a := test.report(jsonb_build_array(test.sample(gen_random_uuid()::text, b1, 1, 5),
        test.sample((SELECT id::text FROM vps WHERE node_id = test.get('node2')::uuid LIMIT 1), b1, 1, 5)));
    PERFORM test.is((a->>'stored', a->>'ignored')::text, '(0,2)', 'a node reports only on its own vps');
    PERFORM test.is((test.api('ada', 'vps_usage', jsonb_build_object('id', v))).status, 404, 'usage is the tenant''s');
    PERFORM test.is((test.api('bob', 'vps_usage', jsonb_build_object('id', v, 'query', '{"from":"yesterdayish"}'::jsonb))).status, 422,
        'a range is made of times');
    PERFORM test.report(jsonb_build_array(
        test.sample(v, b2, 4, 70, '{"net_rx_inside_bytes":10,"net_tx_inside_bytes":20,"net_rx_outside_bytes":30,"net_tx_outside_bytes":40,"net_gaps":0}'),
        test.sample(v, b2, 5, 80, '{"net_rx_inside_bytes":11,"net_tx_inside_bytes":22,"net_rx_outside_bytes":33,"net_tx_outside_bytes":44,"net_gaps":1}')));
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is((r.body->>'net_rx_inside_bytes', r.body->>'net_tx_inside_bytes', r.body->>'net_rx_outside_bytes', r.body->>'net_tx_outside_bytes',
        r.body->>'gaps', r.body->'hours'->0->>'net_rx_inside_bytes')::text, '(11,22,33,44,3,11)', 'network by class');
    PERFORM test.is((SELECT (from_seq, to_seq)::text FROM usage_gaps WHERE boot = b2::uuid AND reason = 'unclassed'), '(5,5)', 'what is of no class is a gap');
    PERFORM test.report(jsonb_build_array(test.sample(v, b2, 5, 80, '{"net_rx_inside_bytes":99,"net_gaps":2}')));
    r := test.api('bob', 'vps_usage', jsonb_build_object('id', v));
    PERFORM test.is((r.body->>'net_rx_inside_bytes', r.body->>'gaps')::text, '(11,3)', 'and counted once');
    PERFORM test.set('usage_boot', b2);
END
$$;
