-- Graphs: points of three resolutions, gaps as gaps, at most 500, what is too old goes in bounded steps.
-- Column p_name of a series, the nulls shown as "-", equal neighbours once.
CREATE FUNCTION test.shape(p_body jsonb, p_name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(v, ' ' ORDER BY n) FROM (SELECT n, coalesce(v, '-') AS v, lag(coalesce(v, '-')) OVER (ORDER BY n) AS before
        FROM jsonb_array_elements_text(p_body->'points'->p_name) WITH ORDINALITY x (v, n)) y WHERE before IS DISTINCT FROM v
$$;
DO $$
DECLARE
    v text;
    b text := gen_random_uuid();
    r test.reply;
    s jsonb := '[]';
BEGIN
    v := (test.vps('bob', 'graphed')).body->'vps'->>'id';
    PERFORM test.set('graphed', v);
    UPDATE vps SET created_at = now() - interval '10 days' WHERE id = v::uuid;
    -- Half a processor for twenty minutes, nine of them ten minutes ago lost, then a quarter.
    FOR i IN 1..40 LOOP
        IF i NOT BETWEEN 20 AND 28 THEN
            s := s || test.aged(v, b, i, (41 - i) * 60, least(i, 30) * 30000000000 + greatest(i - 30, 0) * 15000000000,
                jsonb_build_object('memory_bytes', i, 'net_rx_bytes', i * 600, 'io_read_ops', i * 60, 'net_rx_inside_bytes', i * 60));
        END IF;
    END LOOP;
    PERFORM test.is(test.report_at(s)->>'stored', '31', 'samples of forty minutes');
    r := test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', '{"range":"6h"}'::jsonb));
    PERFORM test.is((r.status, r.body->>'step_s', r.body->>'resolution_s', jsonb_array_length(r.body->'points'->'t'))::text, '(200,60,60,361)', 'a range');
    PERFORM test.is(test.shape(r.body, 'net_rx_bytes'), '- 10 - 10 -', 'a gap is a gap, and rates are flat');
    PERFORM test.ok(test.shape(r.body, 'cpu') ~ '^- 0.5000 - 0.5000( 0.\d+)? 0.2500 -$', 'processors', test.shape(r.body, 'cpu'));
    PERFORM test.is(test.shape(r.body, 'net_rx_inside_bytes'), '- 1 - 1 -', 'by class');
    PERFORM test.is((SELECT string_agg(DISTINCT jsonb_array_length(c.value)::text, ' ') FROM jsonb_each(r.body->'points') c), '361', 'columns are of one length');
    r := test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', '{"range":"2d"}'::jsonb));
    PERFORM test.is((r.body->>'step_s', r.body->>'resolution_s')::text, '(600,60)', 'two days');
    PERFORM test.ok(jsonb_array_length(r.body->'points'->'t') <= 500, 'at most 500 points');
    PERFORM test.ok(test.shape(r.body, 'net_rx_bytes') LIKE '- 10%', 'wider steps show the same rate', test.shape(r.body, 'net_rx_bytes'));
    PERFORM test.ok(coalesce(a.status = 200 AND jsonb_array_length(a.body->'points'->'t') BETWEEN 100 AND 500, false), 'range ' || x.n, a.code)
    FROM unnest('{1h,1d,7d,30d,90d,1y,2y}'::text[]) x (n),
        test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', jsonb_build_object('range', x.n))) a;
    r := test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', '{"range":"7d"}'::jsonb));
    PERFORM test.ok(r.body->>'resolution_s' = '3600' AND test.shape(r.body, 'memory_bytes') ~ '^- \d+( \d+)?$', 'older is by the hour',
        test.shape(r.body, 'memory_bytes'));

    -- Ten seconds: what an agent says of within a report.
    PERFORM test.report_at(jsonb_build_array(test.aged(v, b, 41, 0, 1065000000000, '{"net_rx_bytes":24600,"io_read_ops":2460,"net_rx_inside_bytes":2460,"fine":"50000,10000,1000000,4,2,8,0,0,0,0,100,0,0,0,0,0,0,0;0,10000,5000000,8,2,8,0,0,0,0,200,0,0,0,0,0,0,0;junk;1,2"}')));
    r := test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', '{"range":"1h"}'::jsonb));
    PERFORM test.is((r.body->>'step_s', r.body->>'resolution_s')::text, '(10,10)', 'an hour');
    PERFORM test.ok(test.shape(r.body, 'net_rx_bytes') ~ '^- 10 - 10( 1\d)* - 20( -)?$', 'points of ten seconds', test.shape(r.body, 'net_rx_bytes'));
    PERFORM test.is((test.api('op', 'admin_vps_series', jsonb_build_object('id', v, 'query', '{"range":"1h"}'::jsonb))).body->'points', r.body->'points', 'the operator sees the same');
    PERFORM test.is((test.api('ada', 'vps_series', jsonb_build_object('id', v))).status, 404, 'points are the tenant''s');
    PERFORM test.is((test.api('bob', 'vps_series', jsonb_build_object('id', v, 'query', q))).status, 422, 'no range: ' || q::text)
    FROM unnest(ARRAY['{"range":"3h"}', '{"from":"yesterdayish"}', '{"range":"1h","from":"2026-01-01T00:00:00Z"}',
        '{"from":"2001-01-01T00:00:00Z"}', '{"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}']::jsonb[]) q;

    -- Said again, nothing is drawn twice.
    PERFORM test.is((SELECT count(*) FROM usage_minutes WHERE vps_id = v::uuid), 30::bigint, 'points of what is contiguous');
    PERFORM test.report_at(s);
    PERFORM test.is((SELECT count(*) FROM usage_minutes WHERE vps_id = v::uuid), 30::bigint, 'points are written once');
END
$$;
DO $$
DECLARE
    v_hour timestamptz := date_trunc('hour', now(), 'UTC');
    v_kept bigint;
BEGIN
    PERFORM test.is(croft_series_roll(), 0, 'there is room for this hour and the next');
    v_kept := (SELECT count(*) FROM usage_minutes);
    -- As it is after two days: the slots of now hold what was then.
    UPDATE usage_slots SET hour = hour - interval '52 hours' WHERE ring = 'minutes' AND hour >= v_hour;
    PERFORM test.is((SELECT count(*) FROM usage_slots l JOIN usage_minutes m USING (slot) WHERE l.ring = 'minutes' AND l.hour > v_hour - interval '2 days' AND m.ts >= v_hour), 0::bigint, 'a point in a slot of another hour');
    PERFORM test.is(croft_series_roll(), 2, 'what is too old is emptied');
    PERFORM test.ok((SELECT count(*) FROM usage_minutes WHERE ts >= v_hour) = 0, 'with all that it held');
    PERFORM test.is(croft_series_roll(), 0, 'once');
    PERFORM test.is((SELECT string_agg(ring || ' ' || n, ', ' ORDER BY ring) FROM (SELECT ring, count(DISTINCT hour) AS n FROM usage_slots GROUP BY 1) x), 'fine 5, minutes 52', 'each slot is of an hour');
END
$$;
-- What follows makes vps, for which their node has to be there.
UPDATE node_status SET last_seen_at = clock_timestamp() WHERE online;
