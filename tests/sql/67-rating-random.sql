-- Random histories of vps, prices and usage, from a seed: what they cost is what a plain walk over them says, to the cent; every second is
-- billed once; asked again, or asked in pieces, it is the same; charged, it stays the same until something comes late.

-- A moment between two, often on the boundary of an hour or a month.
CREATE FUNCTION test.moment(p_from timestamptz, p_to timestamptz) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.15 THEN date_trunc('hour', t, 'UTC') WHEN random() < 0.1 THEN croft_month_start(t) ELSE date_trunc('second', t, 'UTC') END
    FROM (SELECT p_from + random() * (p_to - p_from) AS t) x
$$;

CREATE FUNCTION test.pick(p_of text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT p_of[1 + floor(random() * cardinality(p_of))::int]
$$;

-- A life: orders at random moments, each of which makes something else of the vps; at times it is deleted, at times had back.
CREATE FUNCTION test.random_life() RETURNS jsonb LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_at timestamptz := test.moment('2024-01-20Z', '2024-03-20Z');
    v_life jsonb := '[]';
    v_state text := 'running';
    v_plan text := test.pick('{r-hour,r-big,r-month,r-free}');
BEGIN
    FOR i IN 1..floor(random() * 12)::int + 1 LOOP
        v_life := v_life || jsonb_build_array(jsonb_build_array(v_at, v_state, v_plan, 1 + floor(random() * 3)::int));
        v_at := greatest(v_at + interval '1 second', CASE WHEN random() < 0.3 THEN date_trunc('second', v_at + random() * interval '2 hours', 'UTC')
            ELSE test.moment(v_at, v_at + interval '20 days') END);
        v_plan := CASE WHEN random() < 0.4 THEN test.pick('{r-hour,r-big,r-month,r-free}') ELSE v_plan END;
        v_state := CASE v_state WHEN 'ending' THEN 'gone' WHEN 'held' THEN test.pick('{running,ending}')
            ELSE test.pick('{running,running,stopped,suspended,held,ending,lost}') END;
        EXIT WHEN v_state = 'gone';
    END LOOP;
    RETURN v_life || CASE WHEN random() < 0.7 THEN jsonb_build_array(jsonb_build_array(v_at, 'gone')) ELSE '[]' END;
END
$$;

-- What the plan of a vps costs in a month, by walking over its periods one after another.
CREATE FUNCTION test.walk_plan(p_vps uuid, p_from timestamptz, p_to timestamptz, OUT seconds numeric, OUT amount numeric) LANGUAGE plpgsql AS $$
DECLARE
    p record;
    c record;
    i price_items;
    v_version uuid;
    v_percent numeric;
    v_run numeric := 0;
    v_extra numeric;
    v_way text;
    v_hour numeric;
    v_month numeric;
    h numeric[] := '{0,0,0}'; -- by the month, by the hour, capped
    m numeric[] := '{0,0,0}';
    s numeric[] := '{0,0,0}';
    w int;
BEGIN
    seconds := 0;
    FOR p IN SELECT x.*, coalesce(x.to_ts, p_to) AS until, lead(x.state) OVER (ORDER BY x.from_ts) AS next FROM vps_periods x
        WHERE x.vps_id = p_vps AND x.from_ts < p_to ORDER BY x.from_ts
    LOOP
        CONTINUE WHEN p.until <= p.from_ts;
        v_run := CASE WHEN p.state IN ('running', 'stopped', 'suspended') THEN v_run + extract(epoch FROM p.until - p.from_ts) ELSE 0 END;
        FOR c IN SELECT b.cut AS from_ts, lead(b.cut) OVER (ORDER BY b.cut) AS to_ts
            FROM (SELECT p.from_ts AS cut UNION SELECT p.until UNION SELECT p_from UNION SELECT p_to UNION SELECT valid_from FROM price_book_versions) b
            WHERE b.cut BETWEEN greatest(p.from_ts, p_from) AND least(p.until, p_to)
        LOOP
            CONTINUE WHEN c.to_ts IS NULL;
            SELECT v.id INTO v_version FROM price_book_versions v WHERE v.valid_from <= c.from_ts ORDER BY v.valid_from DESC LIMIT 1;
            v_percent := CASE p.state WHEN 'running' THEN 100 WHEN 'stopped' THEN 100 WHEN 'suspended' THEN 100 ELSE 0 END;
            SELECT x.percent INTO v_percent FROM price_items x WHERE x.version_id = v_version AND x.meter = p.state;
            v_percent := CASE WHEN p.state IN ('ending', 'lost') THEN 0 ELSE coalesce(v_percent, CASE p.state WHEN 'held' THEN 0 ELSE 100 END) END;
            CONTINUE WHEN v_percent = 0;
            SELECT x.* INTO i FROM price_items x WHERE x.version_id = v_version AND x.meter = 'plan' AND (x.plan_id = p.plan_id OR x.plan_id IS NULL)
                ORDER BY x.plan_id IS NULL LIMIT 1;
            SELECT CASE WHEN i.id IS NULL THEN x.price_hour ELSE coalesce(i.price_hour, 0) END, CASE WHEN i.id IS NULL THEN x.price_month ELSE coalesce(i.price_month, 0) END
                INTO v_hour, v_month FROM plan_versions x WHERE x.plan_id = p.plan_id AND x.number = p.plan_version;
            w := CASE WHEN v_hour = 0 THEN 1 WHEN v_month = 0 THEN 2 ELSE 3 END;
            v_extra := CASE WHEN p.to_ts = c.to_ts AND p.state IN ('running', 'stopped', 'suspended') AND (p.next IS NULL OR p.next IN ('held', 'ending'))
                THEN ceil(v_run / 3600) * 3600 - v_run ELSE 0 END;
            seconds := seconds + extract(epoch FROM c.to_ts - c.from_ts);
            s[w] := s[w] + extract(epoch FROM c.to_ts - c.from_ts);
            h[w] := h[w] + (extract(epoch FROM c.to_ts - c.from_ts) + v_extra) * v_hour * v_percent / 100;
            m[w] := m[w] + extract(epoch FROM c.to_ts - c.from_ts) * v_month * v_percent / 100;
        END LOOP;
    END LOOP;
    amount := round(m[1] / extract(epoch FROM p_to - p_from), 2) + round(h[2] / 3600, 2)
        + CASE WHEN s[3] = 0 THEN 0 ELSE round(least(h[3] / 3600, m[3] / s[3]), 2) END;
END
$$;

CREATE FUNCTION test.rated_text(p_account uuid, p_from timestamptz, p_to timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(l::text, E'\n'), '') FROM croft_rate(p_account, p_from, p_to) l
$$;

DO $$
DECLARE
    v_seed double precision := 0.20240229;
    v_bad int[] := '{0,0,0,0,0,0,0,0}'; -- seconds, amounts, overlaps, replays, pieces, charged once, late, verify
    v_note text := '';
    a uuid;
    r uuid;
    m timestamptz;
    v_cut timestamptz;
    v_vps uuid[];
    x record;
    y record;
    n int;
BEGIN
    PERFORM setseed(v_seed);
    FOR round IN 1..25 LOOP
        r := test.account('random reseller ' || round, croft_root(), 'reseller');
        a := test.account('random ' || round, r);
        FOR i IN 1..floor(random() * 3)::int LOOP
            PERFORM test.prices(croft_root(), test.moment('2024-02-01Z', '2024-04-01Z') + i * interval '1 second', jsonb_build_array(
                jsonb_build_object('meter', 'traffic', 'price_unit', round((random() * 5)::numeric, 2)),
                jsonb_build_object('meter', 'ipv4', 'price_hour', 0.003, 'price_month', 1),
                jsonb_build_object('meter', 'snapshot', 'price_month', 0.05), jsonb_build_object('meter', 'held', 'percent', 10 * floor(random() * 3)),
                jsonb_build_object('meter', 'suspended', 'percent', 25 * floor(random() * 4)),
                jsonb_build_object('meter', 'plan', 'plan', test.pick('{r-hour,r-big,r-month}'), 'price_hour', round((random() * 0.05)::numeric, 4),
                    'price_month', floor(random() * 3) * 7)));
        END LOOP;
        v_vps := ARRAY(SELECT test.lived(format('random-%s-%s', round, i), a, test.random_life()) FROM generate_series(1, 1 + floor(random() * 4)::int) i);
        PERFORM test.sent(v, date_trunc('hour', test.moment('2024-01-20Z', '2024-04-10Z'), 'UTC'), floor(random() * 1e12)::numeric)
            FROM unnest(v_vps) v, generate_series(1, 6);
        SET LOCAL session_replication_role = replica;
        INSERT INTO snapshot_periods SELECT croft_uuid(), v, a, floor(random() * 1e10)::bigint, t, t + interval '1 second' * floor(random() * 4000000)::int
            FROM unnest(v_vps) v, LATERAL (SELECT test.moment('2024-01-20Z', '2024-04-10Z') AS t) z;
        SET LOCAL session_replication_role = origin;
        FOREACH m IN ARRAY ARRAY['2024-02-01Z', '2024-03-01Z']::timestamptz[] LOOP
            -- The reseller's account is the root's customer, at the root's prices: what the walk knows.
            FOR x IN SELECT v.id, w.seconds, w.amount, l.seconds AS rated_seconds, l.amount AS rated_amount
                FROM unnest(v_vps) v (id) CROSS JOIN LATERAL test.walk_plan(v.id, m, croft_month_end(m)) w
                CROSS JOIN LATERAL (SELECT coalesce(sum((l.evidence->>'seconds')::numeric), 0) AS seconds, coalesce(sum(l.amount), 0) AS amount
                    FROM croft_rate(r, m, croft_month_end(m)) l WHERE l.vps_id = v.id AND l.meter = 'plan') l
            LOOP
                v_bad[1] := v_bad[1] + (x.seconds <> x.rated_seconds)::int;
                v_bad[2] := v_bad[2] + (x.amount <> x.rated_amount)::int;
                v_note := v_note || CASE WHEN x.seconds <> x.rated_seconds OR x.amount <> x.rated_amount THEN E'\n' || round || ': ' || x::text ELSE '' END;
            END LOOP;
            SELECT count(*) INTO n FROM croft_rate(r, m, croft_month_end(m)) l JOIN croft_rate(r, m, croft_month_end(m)) o ON o.vps_id = l.vps_id AND o.meter = l.meter
                AND o.key < l.key AND o.from_ts < l.to_ts AND o.to_ts > l.from_ts WHERE l.meter IN ('plan', 'ipv4');
            v_bad[3] := v_bad[3] + n;
            v_bad[4] := v_bad[4] + (test.rated_text(r, m, croft_month_end(m)) <> test.rated_text(r, m, croft_month_end(m)))::int;
            -- In pieces: the same seconds, bytes and byte-seconds.
            v_cut := test.moment(m, croft_month_end(m));
            FOR y IN SELECT w.meter FROM
                (SELECT l.meter, sum(coalesce(l.evidence->>'seconds', l.evidence->>'bytes')::numeric) AS q, sum(coalesce((l.evidence->>'byte_seconds')::numeric, 0)) AS b
                    FROM croft_rate(r, m, croft_month_end(m)) l GROUP BY l.meter) w
                FULL JOIN (SELECT l.meter, sum(coalesce(l.evidence->>'seconds', l.evidence->>'bytes')::numeric) AS q, sum(coalesce((l.evidence->>'byte_seconds')::numeric, 0)) AS b
                    FROM (SELECT * FROM croft_rate(r, m, v_cut) UNION ALL SELECT * FROM croft_rate(r, v_cut, croft_month_end(m))) l GROUP BY l.meter) p USING (meter)
                WHERE w.q IS DISTINCT FROM p.q OR w.b IS DISTINCT FROM p.b
            LOOP
                v_bad[5] := v_bad[5] + 1;
                v_note := v_note || format(E'\n%s: %s in pieces at %s', round, y.meter, v_cut);
            END LOOP;
            PERFORM croft_charge(r, m::date), croft_charge(a, m::date);
            v_bad[6] := v_bad[6] + croft_charge(r, m::date) + croft_charge(a, m::date);
        END LOOP;
        PERFORM test.sent(v_vps[1], '2024-02-10 10:00Z', 3e12::numeric);
        PERFORM croft_charge(r, '2024-02-01');
        SELECT count(*) INTO n FROM (SELECT key, sum(amount) AS amount, sum(quantity) AS quantity FROM charges WHERE account_id = r AND month = '2024-02-01' GROUP BY key) c
            FULL JOIN croft_rate(r, '2024-02-01Z', '2024-03-01Z') l USING (key)
            WHERE coalesce(c.amount, 0) <> coalesce(l.amount, 0) OR coalesce(c.quantity, 0) <> coalesce(l.quantity, 0);
        v_bad[7] := v_bad[7] + n;
        SELECT count(*) INTO n FROM croft_verify_rating();
        v_bad[8] := v_bad[8] + n;
        PERFORM test.no_prices(croft_root());
        SET LOCAL session_replication_role = replica;
        DELETE FROM charges WHERE account_id IN (a, r);
        SET LOCAL session_replication_role = origin;
    END LOOP;
    PERFORM test.is(v_bad[k], 0, format('random lives, seed %s: %s', v_seed, w))
    FROM unnest(ARRAY['each second that pays is billed once', 'each sum is that of a walk over the periods', 'no line overlaps another',
        'asked again it is the same', 'in pieces it is the same time and traffic', 'a month is charged once', 'late usage is added by lines',
        'verify finds nothing']) WITH ORDINALITY t (w, k);
    PERFORM test.ok(v_note = '', 'random lives differ nowhere', v_note);
END
$$;
SELECT test.forget_lived();
