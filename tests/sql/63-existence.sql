-- Existence: a chain of seconds for each vps, whatever happens to it, that says at each moment what it was.
CREATE FUNCTION test.periods(p_vps text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('%s %s %s', state, ipv4_count, to_ts - from_ts), ', ' ORDER BY from_ts) FROM vps_periods WHERE vps_id = p_vps::uuid
$$;
-- Time passes: what was recorded of this vps moves into the past, as one.
CREATE FUNCTION test.age(p_vps text, p_by interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    -- By way of another century: row by row, one may come to end where the next one still does.
    UPDATE vps_periods SET from_ts = from_ts - interval '100 years', to_ts = to_ts - interval '100 years', follows = follows - interval '100 years'
        WHERE vps_id = p_vps::uuid;
    UPDATE vps_periods SET from_ts = from_ts + interval '100 years' - p_by, to_ts = to_ts + interval '100 years' - p_by,
        follows = follows + interval '100 years' - p_by WHERE vps_id = p_vps::uuid;
    UPDATE snapshot_periods SET from_ts = from_ts - p_by, to_ts = to_ts - p_by WHERE vps_id = p_vps::uuid;
    SET LOCAL session_replication_role = origin;
END
$$;
CREATE FUNCTION test.refused(p_do text, p_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE p_do;
    PERFORM test.ok(false, p_name, 'it was done');
EXCEPTION WHEN integrity_constraint_violation OR raise_exception THEN
    PERFORM test.ok(true, p_name);
END
$$;

DO $$
DECLARE
    r test.reply := test.vps('bob', 'lived');
    v text := r.body->'vps'->>'id';
BEGIN
    PERFORM test.is(test.periods(v), 'running 1 ', 'a vps exists from its creation on');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is(test.periods(v), 'running 1 ', 'what the node says changes nothing that is billed by');
    PERFORM test.age(v, '10 seconds');
    r := test.api('bob', 'vps_stop', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'stopped');
    PERFORM test.is(test.periods(v), 'running 1 00:00:10, stopped 1 ', 'an order ends a period and begins another in one second');
    r := test.api('bob', 'vps_start', jsonb_build_object('id', v));
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
    PERFORM test.is(test.periods(v), 'running 1 00:00:10, running 1 ', 'of several orders within a second the last holds');
    PERFORM test.age(v, '5 seconds');
    UPDATE vps SET suspended = 'stop' WHERE id = v::uuid;
    PERFORM test.age(v, '3 seconds');
    UPDATE vps SET suspended = NULL, disk_bytes = disk_bytes * 2 WHERE id = v::uuid;
    PERFORM test.is(test.periods(v), 'running 1 00:00:10, running 1 00:00:05, suspended 1 00:00:03, running 1 ', 'suspended in between');
    UPDATE vps SET disk_bytes = disk_bytes / 2 WHERE id = v::uuid;
    PERFORM test.consistent('while it exists');

    PERFORM test.refused(format('UPDATE vps_periods SET disk_bytes = 1 WHERE vps_id = %L AND to_ts IS NOT NULL', v), 'what is over does not change');
    PERFORM test.refused(format('DELETE FROM vps_periods WHERE vps_id = %L AND to_ts IS NOT NULL', v), 'nor goes');
    PERFORM test.refused(format('INSERT INTO vps_periods (vps_id, tenant_id, location_id, state, disk_bytes, ipv4_count, ipv6_count, from_ts, to_ts, follows)
        SELECT vps_id, tenant_id, location_id, state, 1, 0, 0, from_ts + interval ''1 second'', to_ts + interval ''1 second'', %s
        FROM vps_periods WHERE vps_id = %L AND to_ts IS NOT NULL ORDER BY from_ts LIMIT 1', n.follows, v), n.name)
    FROM (VALUES ('NULL', 'no second beginning'), ('from_ts + interval ''1 second''', 'no overlap: nothing ends where it would begin')) n (follows, name);

    PERFORM test.age(v, '7 seconds');
    r := test.api('bob', 'vps_delete', jsonb_build_object('id', v));
    PERFORM test.age(v, '2 seconds');
    PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
    PERFORM test.is(test.periods(v), 'running 1 00:00:10, running 1 00:00:05, suspended 1 00:00:03, running 1 00:00:07, ending 1 00:00:02',
        'what the node takes to delete it is told apart; then it is over');
    PERFORM test.consistent('after its end');
END
$$;

-- Random histories: each second of a life is in one period, and that is what the vps was in it.
DO $$
DECLARE
    r test.reply;
    v text;
    v_lived int;
    v_step int;
BEGIN
    PERFORM setseed(0.42);
    FOR life IN 1..5 LOOP
        r := test.vps('bob', 'random-' || life);
        v := r.body->'vps'->>'id';
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'running');
        v_lived := 0;
        FOR turn IN 1..30 LOOP
            v_step := floor(random() * 4);
            v_lived := v_lived + v_step;
            IF v_step > 0 THEN
                PERFORM test.age(v, make_interval(secs => v_step));
            END IF;
            CASE floor(random() * 4)::int
                WHEN 0 THEN UPDATE vps SET desired = CASE desired WHEN 'running' THEN 'stopped' ELSE 'running' END WHERE id = v::uuid;
                WHEN 1 THEN UPDATE vps SET suspended = CASE WHEN suspended IS NULL THEN 'stop' END WHERE id = v::uuid;
                WHEN 2 THEN UPDATE vps SET disk_bytes = disk_bytes + 1 WHERE id = v::uuid;
                ELSE UPDATE vps SET attempts = attempts + 1 WHERE id = v::uuid;
            END CASE;
        END LOOP;
        PERFORM test.is((SELECT sum(extract(epoch FROM coalesce(to_ts, croft_second()) - from_ts))::int FROM vps_periods WHERE vps_id = v::uuid),
            v_lived, format('life %s: each second once', life));
        PERFORM test.is((SELECT count(*) FROM croft_verify_billing()), 0::bigint, format('life %s: the last period is what the vps is', life));
        UPDATE vps SET suspended = NULL, desired = 'running', disk_bytes = (SELECT disk_bytes FROM plans_now WHERE id = plan_id) WHERE id = v::uuid;
        r := test.api('bob', 'vps_delete', jsonb_build_object('id', v));
        PERFORM test.settle(r.body->'task'->>'id', 'done', 'absent');
    END LOOP;
    PERFORM test.consistent('after random lives');
END
$$;

-- The check finds what is wrong.
DO $$
DECLARE
    v text := (test.vps('bob', 'forged')).body->'vps'->>'id';
BEGIN
    SET LOCAL session_replication_role = replica;
    UPDATE vps_periods SET ipv4_count = 0 WHERE vps_id = v::uuid;
    PERFORM test.is((SELECT string_agg(kind || ' ' || (stored::jsonb->>'ipv4_count') || ' ' || (actual::jsonb->>'ipv4_count'), ',')
        FROM croft_verify_billing() WHERE subject = v::uuid), 'vps_period 0 1', 'a period that is not what the vps is');
    UPDATE vps_periods SET ipv4_count = 1 WHERE vps_id = v::uuid;
    SET LOCAL session_replication_role = origin;
    PERFORM test.settle((test.api('bob', 'vps_delete', jsonb_build_object('id', v))).body->'task'->>'id', 'done', 'absent');
END
$$;
