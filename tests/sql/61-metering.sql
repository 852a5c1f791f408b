-- What usage stands on: evidence by the hour, hours told by the node's clock since its start, what cannot be true, meters.
UPDATE node_status SET last_seen_at = clock_timestamp() WHERE online;
-- A report of a node that has run for ten days; ages in seconds before now.
CREATE FUNCTION test.report_at(p_samples jsonb, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.hub(test.get('node'), test.epoch(test.get('node')), 'node_usage', test.columns(p_samples)
        || jsonb_build_object('boot', md5(txid_current()::text)::uuid, 'now_mono_ns', 864000000000000) || p_more)
$$;
CREATE FUNCTION test.aged(p_vps text, p_boot text, p_seq int, p_age float8, p_cpu bigint, p_more jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE sql AS $$
    SELECT test.sample(p_vps, p_boot, p_seq, p_cpu, '{"io_read_bytes":0,"io_write_bytes":0,"io_read_ops":0,"io_write_ops":0,"net_rx_bytes":0,"net_tx_bytes":0,"net_rx_packets":0,"net_tx_packets":0}'
        || jsonb_build_object('mono_ns', ((864000 - p_age) * 1000000000)::bigint) || p_more)
$$;
CREATE FUNCTION test.used(p_vps text) RETURNS bigint LANGUAGE sql AS $$
    SELECT coalesce(sum(cpu_ns), 0)::bigint / 1000000000 FROM usage_hours WHERE vps_id = p_vps::uuid
$$;
-- The hours of a vps, counted back from this one, and the seconds of a processor that each has.
CREATE FUNCTION test.by_hour(p_vps text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(extract(epoch FROM date_trunc('hour', now(), 'UTC') - hour)::int / 3600 || ':' || cpu_ns / 1000000000, ' ' ORDER BY hour)
    FROM usage_hours WHERE vps_id = p_vps::uuid
$$;
DO $$
DECLARE
    v text;
    b text := gen_random_uuid();
    r test.reply;
    s jsonb := '[]';
    v_hour float8 := extract(epoch FROM now() - date_trunc('hour', now(), 'UTC'));
BEGIN
    v := (test.vps('bob', 'evident')).body->'vps'->>'id';
    PERFORM test.set('evident', v);
    UPDATE vps SET created_at = now() - interval '10 days' WHERE id = v::uuid;
    -- Three hours, each of six reports of ten seconds of a processor; the node's own time is an hour ahead, then an hour behind.
    FOR i IN 1..18 LOOP
        s := s || test.aged(v, b, i, v_hour + 10800 - 600 * i + 300, i * 10000000000::bigint, jsonb_build_object('ts',
            now() + CASE WHEN i % 2 = 0 THEN interval '1 hour' ELSE interval '-1 hour' END));
    END LOOP;
    PERFORM test.is(test.report_at(s)->>'stored', '18', 'samples of three hours');
    PERFORM test.is(test.by_hour(v), '3:60 2:60 1:60', 'each is in the hour that it was in, whatever the node''s clock says');
    PERFORM test.is((SELECT string_agg(format('%s-%s', first_seq, last_seq), ' ' ORDER BY hour) FROM usage_parts WHERE vps_id = v::uuid), '0-6 6-12 12-18', 'evidence');
    PERFORM test.is((SELECT count(*) FROM usage_evidence WHERE vps_id = v::uuid), 2::bigint, 'hours that are over are evidence');
    r := test.api('bob', 'vps_evidence', jsonb_build_object('id', v, 'query', jsonb_build_object('from', now() - interval '5 hours')));
    PERFORM test.is((r.status, jsonb_array_length(r.body->'parts'), r.body->'parts'->1->'first'->>'cpu_ns', r.body->'parts'->1->'last'->>'cpu_ns')::text,
        '(200,3,60000000000,120000000000)', 'a tenant opens an hour down to its counters');
    PERFORM test.is((test.api('ada', 'vps_evidence', jsonb_build_object('id', v))).status, 404, 'of its own');
    PERFORM test.is((test.api('bob', 'vps_evidence', jsonb_build_object('id', v, 'query', jsonb_build_object('from', now() - interval '3 days')))).status, 422, 'of a day');
    -- From the spool, of a start of the node that was seen before: its clock is known still.
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 19, 60, 200000000000)), '{"now_mono_ns":null}');
    PERFORM test.is((SELECT extract(epoch FROM now() - ts)::int FROM usage_marks WHERE boot = b::uuid), 60, 'late, and dated right');
    PERFORM test.is(test.report_at((SELECT jsonb_agg(x ORDER BY random()) FROM jsonb_array_elements(s) x))->>'stored', '0', 'all of it again, shuffled');
    PERFORM test.is(test.used(v), 200::bigint, 'is counted once');
    PERFORM test.is((SELECT string_agg(m.meter || '=' || trim_scale(m.quantity), ' ') FROM croft_meter_vps(v::uuid, (SELECT tenant_id FROM vps WHERE id = v::uuid),
        date_trunc('hour', now(), 'UTC') - interval '5 hours', date_trunc('hour', now(), 'UTC')) m WHERE m.meter IN ('cpu', 'backup', 'disk')),
        'cpu=180 disk=' || trim_scale((SELECT sum(disk_byte_seconds) FROM usage_hours WHERE vps_id = v::uuid AND hour < date_trunc('hour', now(), 'UTC'))::numeric / 3600) || ' backup=0', 'meters');
    PERFORM test.ok((SELECT count(*) > 0 AND count(*) % 17 = 0 FROM croft_meter((SELECT tenant_id FROM vps WHERE id = v::uuid), now() - interval '1 day', now() + interval '1 second')), 'meters of a tenant');
END
$$;
-- What cannot be true.
DO $$
DECLARE
    v text;
    b text := gen_random_uuid();
    n int := (SELECT count(*) FROM events WHERE action = 'usage.quarantined');
    r test.reply;
BEGIN
    v := (test.vps('bob', 'doubtful')).body->'vps'->>'id';
    UPDATE vps SET created_at = now() - interval '10 days' WHERE id = v::uuid;
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 1, 600, 10000000000), test.aged(v, b, 2, 540, 20000000000)));
    -- A slip: the next one goes on from where it was.
    PERFORM test.is(test.report_at(jsonb_build_array(test.aged(v, b, 3, 480, 900000000000000)))->>'stored', '0', 'faster than the node');
    PERFORM test.is(test.used(v), 20::bigint, 'does not count');
    PERFORM test.is(test.report_at(jsonb_build_array(test.aged(v, b, 4, 420, 40000000000)))->>'stored', '1', 'what goes on from before it does');
    PERFORM test.is(test.used(v), 40::bigint, 'and nothing is lost');
    -- A fall that stays: counting begins anew, what lies between is not counted.
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 5, 360, 5000000000)));
    PERFORM test.is(test.used(v), 40::bigint, 'a fall does not count');
    PERFORM test.is(test.report_at(jsonb_build_array(test.aged(v, b, 6, 300, 15000000000)))->>'stored', '1', 'what goes on from a fall does');
    PERFORM test.is(test.used(v), 50::bigint, 'from the fall on');
    PERFORM test.is(test.report_at(jsonb_build_array(test.aged(v, b, 7, 240, 25000000000)))->>'stored', '1', 'and so on');
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 8, 250, 26000000000)));
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 9, 180, 30000000000, '{"memory_bytes":1000000000000000}')));
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 10, 120, 30000000000, '{"net_tx_bytes":100000000000000}')));
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 11, 60, 31000000000)));
    PERFORM test.is(test.used(v), 66::bigint, 'and the next one counts');
    PERFORM test.is((SELECT string_agg(seq || ' ' || reason, ', ' ORDER BY seq) FROM usage_quarantine WHERE boot = b::uuid),
        '3 too_fast, 5 backwards, 8 time, 9 too_much, 10 too_fast', 'quarantine');
    PERFORM test.is((SELECT count(*) FROM events WHERE action = 'usage.quarantined') - n, 3::bigint, 'the first of a row is an event');
    PERFORM test.is((SELECT string_agg(from_seq || '-' || to_seq, ' ' ORDER BY from_seq) FROM usage_gaps WHERE boot = b::uuid AND reason = 'quarantined'), '3-3 5-5 8-8 9-9 10-10', 'each is a gap');
    r := test.api('op', 'admin_quarantine_list', '{"query":{"limit":3}}');
    PERFORM test.is((r.status, r.body->'items'->0->>'reason', r.body->>'next_cursor' IS NOT NULL)::text, '(200,too_fast,t)', 'operators see it');
    PERFORM test.is((test.report_at(jsonb_build_array(test.aged(gen_random_uuid()::text, b, 1, 0, 5))))->>'stored', '0', 'a vps of nobody');
    PERFORM test.is((SELECT reason FROM usage_quarantine ORDER BY id DESC LIMIT 1), 'foreign', 'is kept, too');
    -- A node that makes them up without end.
    INSERT INTO usage_quarantine (node_id, vps_id, boot, seq, reason, sample)
        SELECT test.get('node')::uuid, gen_random_uuid(), gen_random_uuid(), 1, 'foreign', '{}' FROM generate_series(1, 10000);
    n := (SELECT count(*) FROM usage_quarantine) + (SELECT count(*) FROM events);
    PERFORM test.report_at((SELECT jsonb_agg(test.aged(gen_random_uuid()::text, gen_random_uuid()::text, 1, 0, 5)) FROM generate_series(1, 100)));
    PERFORM test.is((SELECT count(*) FROM usage_quarantine) + (SELECT count(*) FROM events), n::bigint, 'not more than so many in an hour');
    DELETE FROM usage_quarantine WHERE sample = '{}';
    -- A first sample that cannot be: of that start only what follows counts.
    b := gen_random_uuid();
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 1, 50, 900000000000000000)));
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 3, 30, 900000001000000000)));
    PERFORM test.is(test.used(v), 67::bigint, 'a start that begins too high');
    PERFORM test.is((test.report_at((SELECT jsonb_agg(test.aged(v, b, 3 + i, 0, 900000001000000000)) FROM generate_series(1, 65) i)))->>'failed', 'CR422', 'a batch with too many of one start');
    PERFORM test.is((SELECT string_agg(x::text, ' ') FROM croft_verify_usage() x), NULL, 'the check is clean after samples that cannot be true');
END
$$;
-- A fall whose next sample is of the next hour.
DO $$
DECLARE
    v text;
    b text := gen_random_uuid();
    v_hour float8 := extract(epoch FROM now() - date_trunc('hour', now(), 'UTC'));
BEGIN
    v := (test.vps('bob', 'fallen')).body->'vps'->>'id';
    UPDATE vps SET created_at = now() - interval '10 days' WHERE id = v::uuid;
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 1, v_hour + 180, 10000000000), test.aged(v, b, 2, v_hour + 120, 20000000000)));
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 3, v_hour + 60, 5000000000)));
    PERFORM test.is(test.report_at(jsonb_build_array(test.aged(v, b, 4, greatest(v_hour - 20, 0), 6000000000)))->>'stored', '1', 'what goes on from a fall in the next hour counts');
    PERFORM test.is(test.used(v), 21::bigint, 'from the fall on');
    PERFORM test.is((SELECT string_agg(x::text, ' ') FROM croft_verify_usage() x), NULL, 'and its evidence says that it began anew');
END
$$;
-- The check finds what was forged.
DO $$
DECLARE
    v uuid := test.get('evident')::uuid;
    x record;
BEGIN
    FOR x IN SELECT * FROM (VALUES
        ('usage_chain', format('UPDATE usage_evidence SET first_cpu_ns = first_cpu_ns - 1 WHERE vps_id = %L AND first_seq > 0', v)),
        ('usage_counters', format('UPDATE usage_evidence SET last_net_tx_bytes = -1 WHERE vps_id = %L', v)),
        ('usage_hour', format('UPDATE usage_evidence SET last_ts = last_ts + interval ''1 hour'' WHERE vps_id = %L', v)),
        ('usage_sequence', format('DELETE FROM usage_evidence WHERE vps_id = %L AND first_seq = 6', v)),
        ('usage_gaps', format('UPDATE usage_marks SET samples = samples + 1 WHERE vps_id = %L', v)),
        ('usage_gaps', 'DELETE FROM usage_gaps WHERE reason = ''quarantined''')) f (kind, forgery)
    LOOP
        BEGIN
            EXECUTE x.forgery;
            RAISE EXCEPTION USING ERRCODE = 'CR000', MESSAGE = (EXISTS (SELECT FROM croft_verify_billing() c WHERE c.kind = x.kind))::text;
        EXCEPTION WHEN SQLSTATE 'CR000' THEN
            PERFORM test.is(SQLERRM, 'true', 'the check finds ' || x.kind);
        END;
    END LOOP;
END
$$;
