-- Rating: what a history of seconds costs, to the cent; the same however often it is asked; charged once, and corrected by lines.
INSERT INTO plans (name, title) VALUES ('r-hour', 'Hourly'), ('r-big', 'Big'), ('r-month', 'Monthly'), ('r-free', 'Free'), ('r-usd', 'Dollars');
INSERT INTO plan_versions (plan_id, number, valid_from, vcpus, memory_bytes, disk_bytes, traffic_bytes, ipv4_count, price_month, price_hour, currency)
SELECT p.id, 1, '2023-01-01Z', 1, 1, 1, t, 1, m, h, c FROM plans p JOIN (VALUES ('r-hour', 5.00, 0.01, 'EUR', 1000000000000), ('r-big', 20.00, 0.04, 'EUR', 2000000000000),
    ('r-month', 31.00, 0, 'EUR', 0), ('r-free', 0, 0, 'EUR', 0), ('r-usd', 7.00, 0.02, 'USD', 0)) x (name, m, h, c, t) USING (name);

-- A vps that lived so: [[from, state, plan, ipv4], …, [end, "gone"]]; without the last it goes on.
CREATE FUNCTION test.lived(p_name text, p_tenant uuid, p_life jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid := croft_uuid();
BEGIN
    SET LOCAL session_replication_role = replica;
    INSERT INTO vps (id, tenant_id, name, plan_id, plan_version, image_id, location_id, node_id, desired, vcpus, memory_bytes, swap_bytes, disk_bytes,
        pids, ipv4_count, ipv6_count, slot, id_base, hostname, deleted_at)
    VALUES (v_id, p_tenant, p_name, test.get('plan')::uuid, 1, test.get('image')::uuid, test.get('location')::uuid, test.get('node')::uuid, 'deleted',
        1, 1, 0, 1, 1, 1, 1, 0, 1, p_name, now());
    INSERT INTO vps_periods (vps_id, tenant_id, location_id, plan_id, plan_version, state, disk_bytes, ipv4_count, ipv6_count, from_ts, to_ts, follows)
    SELECT v_id, p_tenant, test.get('location')::uuid, p.id, CASE WHEN p.id IS NOT NULL THEN 1 END, x.state, 1, x.ipv4, 1, x.from_ts, x.to_ts, x.follows
    FROM (SELECT e->>1 AS state, e->>2 AS plan, coalesce((e->>3)::int, 1) AS ipv4, (e->>0)::timestamptz AS from_ts,
            lead((e->>0)::timestamptz) OVER (ORDER BY n) AS to_ts, CASE WHEN n > 1 THEN (e->>0)::timestamptz END AS follows
        FROM jsonb_array_elements(p_life) WITH ORDINALITY y (e, n)) x
    LEFT JOIN plans p ON p.name = x.plan WHERE x.state <> 'gone';
    SET LOCAL session_replication_role = origin;
    RETURN v_id;
END
$$;

-- Open periods of vps that are none would be found by every check that follows.
CREATE FUNCTION test.forget_lived() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    DELETE FROM snapshot_periods p USING vps v, tenants t WHERE v.id = p.vps_id AND t.id = v.tenant_id AND t.name ~ '^(rated|random) ';
    DELETE FROM usage_evidence p USING vps v, tenants t WHERE v.id = p.vps_id AND t.id = v.tenant_id AND t.name ~ '^(rated|random) ';
    DELETE FROM vps_periods p USING vps v, tenants t WHERE v.id = p.vps_id AND t.id = v.tenant_id AND t.name ~ '^(rated|random) ';
    DELETE FROM vps v USING tenants t WHERE t.id = v.tenant_id AND t.name ~ '^(rated|random) ';
    SET LOCAL session_replication_role = origin;
END
$$;

-- What an account's lines come to: amount by key without the ids.
CREATE FUNCTION test.lines(p_account uuid, p_from timestamptz, p_to timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(format('%s %s %s %s', l.meter, l.quantity, l.unit, l.amount), ', ' ORDER BY l.from_ts, l.meter, l.key)
    FROM croft_rate(p_account, p_from, p_to) l
$$;
CREATE FUNCTION test.month(p_account uuid, p_month text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT test.lines(p_account, croft_month_start((p_month || '-01 00:00:00Z')::timestamptz), croft_month_end((p_month || '-01 00:00:00Z')::timestamptz))
$$;
CREATE FUNCTION test.account(p_name text, p_parent uuid DEFAULT croft_root(), p_kind text DEFAULT 'tenant') RETURNS uuid LANGUAGE sql AS $$
    SELECT test.tenant(p_name, '{}', p_parent, p_kind)
$$;

CREATE FUNCTION test.failed_code(p_do text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE p_do;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

-- One life, one month, one sum.
CREATE TABLE test.lives (name text, life jsonb, month text, want text);
INSERT INTO test.lives (name, month, life, want) VALUES
    ('a whole month by the hour is the month''s price', '2024-04', '[["2024-03-01Z","running","r-hour"]]', 'plan 720.000000 hour 5.00'),
    ('a leap February too', '2024-02', '[["2024-01-01Z","running","r-hour"]]', 'plan 696.000000 hour 5.00'),
    ('ten hours', '2024-04', '[["2024-04-03 10:00Z","running","r-hour"],["2024-04-03 20:00Z","ending","r-hour"],["2024-04-03 20:01Z","gone"]]', 'plan 10.000000 hour 0.10'),
    ('a started hour is an hour', '2024-04', '[["2024-04-03 10:00:00Z","running","r-hour"],["2024-04-03 11:00:01Z","ending","r-hour"],["2024-04-03 11:00:09Z","gone"]]', 'plan 2.000000 hour 0.02'),
    ('one second is an hour', '2024-04', '[["2024-04-03 10:20:30Z","running","r-hour"],["2024-04-03 10:20:31Z","gone"]]', 'plan 1.000000 hour 0.01'),
    ('hours are counted from the creation, not by the clock', '2024-04', '[["2024-04-03 10:59:59Z","running","r-hour"],["2024-04-03 11:59:59Z","gone"]]', 'plan 1.000000 hour 0.01'),
    ('what was lost with its node pays to the second', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 10:30Z","lost","r-big"],["2024-04-05Z","gone"]]', 'plan 0.500000 hour 0.02'),
    ('what is not over has no last hour', '2024-04', '[["2024-04-30 23:30Z","running","r-big"]]', 'plan 0.500000 hour 0.02'),
    ('its last hour is in the month that it ends in', '2024-05', '[["2024-04-30 23:30Z","running","r-big"],["2024-05-01 00:10Z","gone"]]', 'plan 0.500000 hour 0.02'),
    ('a deletion on the boundary of a month ends in the month before', '2024-04', '[["2024-04-30 23:30Z","running","r-big"],["2024-05-01 00:00Z","gone"]]', 'plan 1.000000 hour 0.04'),
    ('and nothing is left for the next', '2024-05', '[["2024-04-30 23:30Z","running","r-big"],["2024-05-01 00:00Z","gone"]]', NULL),
    ('a deletion on the boundary of an hour', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:00Z","gone"]]', 'plan 2.000000 hour 0.08'),
    ('by the month: to the second', '2024-03', '[["2024-03-11Z","running","r-month"],["2024-03-21 12:00Z","gone"]]', 'plan 0.33870968 month 10.50'),
    ('by the month: a whole one', '2024-03', '[["2024-01-11Z","running","r-month"]]', 'plan 1.00000000 month 31.00'),
    ('a plan that costs nothing has a line that says so', '2024-03', '[["2024-03-11Z","running","r-free"],["2024-03-12Z","gone"]]', 'plan 0.03225806 month 0.00'),
    ('stopped is paid in full, in one line with running', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:00Z","stopped","r-big"],["2024-04-03 20:00Z","running","r-big"],["2024-04-03 21:00Z","gone"]]', 'plan 11.000000 hour 0.44'),
    ('suspended as well', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:00Z","suspended","r-big"],["2024-04-03 21:00Z","gone"]]', 'plan 11.000000 hour 0.44'),
    ('held is not paid, and ends the hour', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:10Z","held","r-big"],["2024-04-10Z","ending","r-big"],["2024-04-10 00:01Z","gone"]]', 'plan 3.000000 hour 0.12'),
    ('had back it begins anew', '2024-04', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:10Z","held","r-big"],["2024-04-04Z","running","r-big"],["2024-04-04 00:30Z","gone"]]', 'plan 3.000000 hour 0.12, plan 1.000000 hour 0.04'),
    ('a plan changed within an hour: each second at one price, the started hour at the last', '2024-04', '[["2024-04-03 10:00Z","running","r-hour"],["2024-04-03 10:15Z","running","r-big"],["2024-04-03 10:45Z","gone"]]', 'plan 0.250000 hour 0.00, plan 0.750000 hour 0.03'),
    ('changed at the half of the month: the cap is between', '2024-04', '[["2024-04-01Z","running","r-hour"],["2024-04-16Z","running","r-big"]]', 'plan 360.000000 hour 2.50, plan 360.000000 hour 10.00'),
    ('not capped when it did not live long enough', '2024-04', '[["2024-04-01Z","running","r-hour"],["2024-04-03Z","running","r-big"],["2024-04-05Z","gone"]]', 'plan 48.000000 hour 0.48, plan 48.000000 hour 1.92'),
    ('from by the hour to by the month', '2024-04', '[["2024-04-01Z","running","r-hour"],["2024-04-02Z","running","r-month"],["2024-04-03Z","gone"]]', 'plan 24.000000 hour 0.24, plan 0.03333333 month 1.03'),
    ('a currency that is not the account''s has no price', '2024-04', '[["2024-04-03 10:00Z","running","r-usd"],["2024-04-03 20:00Z","gone"]]', 'plan 10.000000 hour 0.00'),
    ('many changes do not round to nothing', '2024-04', '[["2024-04-03 10:00Z","running","r-hour"],["2024-04-03 10:20Z","running","r-big"],["2024-04-03 10:25Z","running","r-hour"],["2024-04-03 10:45Z","running","r-big"],["2024-04-03 10:50Z","running","r-hour"],["2024-04-03 11:30Z","gone"]]',
        'plan 0.333333 hour 0.00, plan 0.083333 hour 0.01, plan 0.333333 hour 0.00, plan 0.083333 hour 0.00, plan 1.166667 hour 0.02'),
    ('nothing before it, nothing after it', '2024-06', '[["2024-04-03 10:00Z","running","r-big"],["2024-04-03 12:00Z","gone"]]', NULL);

DO $$
DECLARE
    l record;
    v_account uuid;
    v_vps uuid;
BEGIN
    FOR l IN SELECT *, row_number() OVER () AS n FROM test.lives LOOP
        v_account := test.account('rated ' || l.n);
        v_vps := test.lived('life-' || l.n, v_account, l.life);
        PERFORM test.is(test.month(v_account, l.month), l.want, l.name);
        PERFORM set_config('TimeZone', 'America/New_York', true);
        PERFORM test.is(test.month(v_account, l.month), l.want, l.name || ' (whatever the time zone)');
        PERFORM set_config('TimeZone', 'UTC', true);
    END LOOP;
END
$$;

-- ---- Lists of prices

-- A version of the root's (or a reseller's) list, made in the past, as time has made it.
CREATE FUNCTION test.prices(p_seller uuid, p_from timestamptz, p_items jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_book uuid;
    v_version uuid;
BEGIN
    INSERT INTO price_books (seller_id, currency, name) VALUES (p_seller, 'EUR', 'EUR') ON CONFLICT DO NOTHING;
    SELECT id INTO v_book FROM price_books WHERE seller_id = p_seller AND currency = 'EUR';
    INSERT INTO price_book_versions (book_id, number, valid_from)
        SELECT v_book, 1 + count(*), p_from FROM price_book_versions WHERE book_id = v_book RETURNING id INTO v_version;
    INSERT INTO price_items (version_id, meter, plan_id, location_id, price_hour, price_month, price_unit, percent, included)
    SELECT v_version, i.meter, (SELECT id FROM plans WHERE name = i.plan), i.location_id, i.price_hour, i.price_month, i.price_unit, i.percent,
        coalesce(i.included, 0)
    FROM jsonb_to_recordset(p_items) i (meter text, plan text, location_id uuid, price_hour numeric, price_month numeric, price_unit numeric,
        percent numeric, included numeric);
    RETURN v_version;
END
$$;
-- Everything that the lists of a seller say, taken away.
CREATE FUNCTION test.no_prices(p_seller uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    DELETE FROM price_items i USING price_book_versions v JOIN price_books b ON b.id = v.book_id WHERE v.id = i.version_id AND b.seller_id = p_seller;
    DELETE FROM price_book_versions v USING price_books b WHERE b.id = v.book_id AND b.seller_id = p_seller;
    DELETE FROM price_books WHERE seller_id = p_seller;
    SET LOCAL session_replication_role = origin;
END
$$;
-- Usage of a vps in an hour: another part of it, with bytes out of the location.
CREATE FUNCTION test.sent(p_vps uuid, p_hour timestamptz, p_bytes numeric, p_cpu numeric DEFAULT 0) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_evidence SELECT r.* FROM vps v, jsonb_populate_record(NULL::usage_evidence,
        (SELECT jsonb_object_agg(a.attname, 0) FROM pg_attribute a WHERE a.attrelid = 'usage_evidence'::regclass AND a.atttypid = 'bigint'::regtype)
        || jsonb_build_object('vps_id', v.id, 'tenant_id', v.tenant_id, 'boot', croft_uuid_min(), 'hour', p_hour, 'samples', 60, 'first_ts', p_hour,
            'last_ts', p_hour, 'anew', false, 'last_cpu_ns', p_cpu::bigint, 'last_net_tx_bytes', p_bytes::bigint, 'last_net_tx_outside_bytes', p_bytes::bigint,
            'part', (SELECT count(*) FROM usage_evidence e WHERE e.vps_id = v.id AND e.hour = p_hour))) r WHERE v.id = p_vps
$$;

DO $$
DECLARE
    a uuid := test.account('rated by list');
    v uuid;
    w uuid;
    x text;
BEGIN
    v := test.lived('listed', a, '[["2024-04-01Z","running","r-hour",1],["2024-04-11Z","running","r-hour",3],["2024-04-21Z","gone"]]');
    PERFORM test.prices(croft_root(), '2024-04-06Z', '[{"meter":"plan","plan":"r-hour","price_hour":0.02,"price_month":8},
        {"meter":"ipv4","price_hour":0.001,"price_month":0.50}]');
    PERFORM test.is(test.month(a, '2024-04'), 'plan 120.000000 hour 1.04, plan 360.000000 hour 6.21, ipv4 480.000000 hour 0.48',
        'a list holds from its second on; what is beyond the plan''s addresses is paid');
    PERFORM test.prices(croft_root(), '2024-04-16Z', jsonb_build_array('{"meter":"plan","price_month":3}'::jsonb,
        jsonb_build_object('meter', 'plan', 'location_id', test.get('location'), 'price_month', 6),
        jsonb_build_object('meter', 'plan', 'plan', 'r-big', 'location_id', test.get('location'), 'price_month', 60)));
    PERFORM test.is(test.month(a, '2024-04'), 'plan 120.000000 hour 1.20, plan 240.000000 hour 4.80, ipv4 240.000000 hour 0.24, plan 0.16666667 month 1.00',
        'the next list replaces it whole, and of its items the one that says most of the vps is taken');
    PERFORM test.no_prices(croft_root());
    PERFORM test.prices(croft_root(), '2024-01-01Z', '[{"meter":"stopped","percent":50},{"meter":"suspended","percent":25},{"meter":"held","percent":10},
        {"meter":"suspended","plan":"r-hour","percent":0}]');
    v := test.lived('states', a, '[["2024-05-01Z","running","r-month"],["2024-05-02Z","stopped","r-month"],["2024-05-04Z","suspended","r-month"],["2024-05-08Z","held","r-month"],["2024-05-18Z","gone"]]');
    w := test.lived('states2', a, '[["2024-05-01Z","running","r-hour"],["2024-05-01 01:00Z","suspended","r-hour"],["2024-05-01 02:00Z","stopped","r-hour"],["2024-05-01 03:00Z","gone"]]');
    SELECT string_agg(amount::text, ' ' ORDER BY vps_id, from_ts) INTO x FROM croft_rate(a, '2024-05-01Z', '2024-06-01Z');
    PERFORM test.is(x, '1.00 1.00 1.00 1.00 0.01 0.01', 'stopped, suspended and held pay the percents of the list');
    PERFORM test.is(croft_started_seconds(w, '2024-05-01 03:00Z'), 0, 'and no second more');
    PERFORM test.no_prices(croft_root());
END
$$;

-- Traffic: pooled, prorated, shared in proportion.
DO $$
DECLARE
    a uuid := test.account('rated traffic');
    v uuid := test.lived('sends', a, '[["2024-04-01Z","running","r-hour"]]');
    w uuid := test.lived('sends-too', a, '[["2024-04-16Z","running","r-big"],["2024-05-01Z","gone"]]');
    r rated_line;
    n int;
    x text;
BEGIN
    PERFORM test.sent(v, '2024-04-02Z', 2500000000000), test.sent(w, '2024-04-20 13:00Z', 500000000000);
    PERFORM test.is(test.month(a, '2024-04'), 'plan 720.000000 hour 5.00, plan 360.000000 hour 14.40', 'traffic that has no price is not billed');
    PERFORM test.prices(croft_root(), '2024-01-01Z', '[{"meter":"traffic","price_unit":1.50}]');
    SELECT * INTO r FROM croft_rate(a, '2024-04-01Z', '2024-05-01Z') WHERE meter = 'traffic';
    PERFORM test.is(format('%s %s %s %s', r.quantity, r.unit, r.amount, r.evidence->>'included_bytes'), '1 TB 1.50 2000000000000',
        'a TB of one plan and half of two of another are included; what is beyond is paid by the TB');
    PERFORM test.is(croft_charge(a, '2024-04-01'), 3, 'the month is charged');
    PERFORM test.is(croft_charge(a, '2024-04-01'), 0, 'once');
    PERFORM test.is((SELECT count(*) FROM croft_verify_rating()), 0::bigint, 'it is as it should be');
    -- Late usage.
    PERFORM test.sent(v, '2024-04-03Z', 100000000000);
    PERFORM test.is((SELECT count(*) FROM croft_verify_rating()), 0::bigint, 'usage that came late is due, which is no difference');
    PERFORM test.is(croft_charge(a, '2024-04-01'), 1, 'late usage makes one line');
    SELECT string_agg(format('%s %s %s %s', kind, number, quantity, amount), ', ' ORDER BY number) INTO x FROM charges WHERE account_id = a AND meter = 'traffic';
    PERFORM test.is(x, 'usage 0 1 1.50, adjustment 1 0.1 0.15', 'an adjustment, with the difference; what was charged stands');
    PERFORM test.is(croft_charge(a, '2024-04-01'), 0, 'nothing more is due');
    UPDATE usage_evidence SET last_net_tx_outside_bytes = 0 WHERE vps_id = v AND hour = '2024-04-03Z';
    PERFORM test.is((SELECT format('%s %s %s', d.kind, d.stored, d.actual) FROM croft_verify_rating() d), 'charge 1.65 1.50', 'usage that is gone is found');
    UPDATE usage_evidence SET last_net_tx_outside_bytes = 100000000000 WHERE vps_id = v AND hour = '2024-04-03Z';
    PERFORM test.refused(format('UPDATE charges SET amount = 0 WHERE account_id = %L', a), 'a charge does not change');
    SET LOCAL session_replication_role = replica; -- there is no such invoice
    UPDATE charges SET invoice_id = croft_uuid() WHERE account_id = a;
    SET LOCAL session_replication_role = origin;
    PERFORM test.refused(format('UPDATE charges SET invoice_id = NULL WHERE account_id = %L', a), 'and stays on its invoice');
    PERFORM test.is(test.failed_code(format('SELECT croft_charge(%L, %L)', a, date_trunc('month', now())::date)), 'CR409', 'a month that is not over is not charged');
    PERFORM test.no_prices(croft_root());
    SELECT string_agg(d.resource, ' ') INTO x FROM croft_verify_rating() d;
    PERFORM test.ok(x LIKE '2024-04 traffic/%', 'a price that is gone is found', x);
    -- Throttled from the middle of the month on: what was sent then costs nothing, and still uses up the pool.
    PERFORM test.prices(croft_root(), '2024-01-01Z', '[{"meter":"traffic","price_unit":1.50},{"meter":"cpu","price_unit":0.50,"included":10}]');
    INSERT INTO traffic_policies VALUES (a, '2024-04-10Z', 'throttle') ON CONFLICT DO NOTHING;
    UPDATE traffic_policies SET valid_from = '2024-01-01Z', policy = 'bill' WHERE account_id = a AND valid_from > '2024-05-01Z';
    SELECT string_agg(format('%s %s', l.quantity, l.amount), ', ' ORDER BY l.from_ts) INTO x FROM croft_rate(a, '2024-04-01Z', '2024-05-01Z') l WHERE meter = 'traffic';
    PERFORM test.is(x, '0.922580645161 1.38, 0.177419354839 0.00', 'what is throttled is not paid; shares are whole bytes and sum');
    SET LOCAL session_replication_role = replica;
    DELETE FROM charges WHERE account_id = a;
    SET LOCAL session_replication_role = origin;
    -- CPU: what is beyond ten hours.
    PERFORM test.sent(v, '2024-06-03Z', 0, 3600000000000 * 12.5);
    SELECT string_agg(format('%s %s %s', l.quantity, l.unit, l.amount), ', ') INTO x FROM croft_rate(a, '2024-06-01Z', '2024-07-01Z') l WHERE meter = 'cpu';
    PERFORM test.is(x, '2.5 cpu_hour 1.25', 'hours of CPU beyond what is included');
    PERFORM test.no_prices(croft_root());
END
$$;

-- Snapshots, tax, digits.
DO $$
DECLARE
    a uuid := test.account('rated snapshots');
    v uuid := test.lived('kept', a, '[["2024-04-01Z","running","r-month"]]');
    x text;
BEGIN
    PERFORM test.prices(croft_root(), '2024-01-01Z', '[{"meter":"snapshot","price_month":0.10}]');
    SET LOCAL session_replication_role = replica;
    INSERT INTO snapshot_periods VALUES (croft_uuid(), v, a, 20000000000, '2024-04-16Z', NULL), (croft_uuid(), v, a, 10000000000, '2024-03-01Z', '2024-04-04Z'),
        (croft_uuid(), v, a, NULL, '2024-03-01Z', '2024-04-04Z');
    SET LOCAL session_replication_role = origin;
    PERFORM test.is(test.month(a, '2024-04'), 'plan 1.00000000 month 31.00, snapshot 11 gb_month 1.10', 'snapshots are paid by the second and byte');
    INSERT INTO tax_rules (seller_id, country, category, rate, name, valid_from) VALUES
        (croft_root(), NULL, NULL, 1, 'any', '2020-01-01Z'), (croft_root(), 'DE', NULL, 16, 'USt', '2020-07-01Z'),
        (croft_root(), 'DE', NULL, 19, 'USt', '2024-04-01Z'), (croft_root(), 'DE', 'snapshot', 7, 'less', '2021-01-01Z'),
        (croft_root(), 'DE', NULL, 25, 'USt', '2024-05-01Z');
    SELECT string_agg(format('%s %s %s', l.meter, l.tax_rate, l.tax_amount), ', ' ORDER BY l.meter) INTO x FROM croft_rate(a, '2024-04-01Z', '2024-05-01Z') l;
    PERFORM test.is(x, 'plan 1 0.31, snapshot 1 0.01', 'of who says no country the rule for all holds');
    UPDATE billing_accounts SET country = 'DE' WHERE tenant_id = a;
    SELECT string_agg(format('%s %s %s %s', l.meter, l.tax_rate, l.tax_amount, l.tax_name), ', ' ORDER BY l.meter) INTO x FROM croft_rate(a, '2024-04-01Z', '2024-05-01Z') l;
    PERFORM test.is(x, 'plan 19 5.89 USt, snapshot 7 0.08 less', 'else the one of the country and the kind, as of the line''s end');
    PERFORM croft_charge(a, '2024-04-01');
    UPDATE billing_accounts SET tax_exempt = true WHERE tenant_id = a;
    SELECT string_agg(format('%s %s', l.tax_rate, l.tax_amount), ', ' ORDER BY l.meter) INTO x FROM croft_rate(a, '2024-04-01Z', '2024-05-01Z') l;
    PERFORM test.is(x, '19 5.89, 7 0.08', 'what was charged keeps its tax');
    SELECT string_agg(format('%s %s', l.tax_rate, l.tax_amount), ', ' ORDER BY l.meter) INTO x FROM croft_rate(a, '2024-05-01Z', '2024-06-01Z') l;
    PERFORM test.is(x, '0 0.00, 0 0.00', 'who is exempt pays none');
    PERFORM test.is((SELECT count(*) FROM croft_verify_rating()), 0::bigint, 'and verify finds nothing');
    UPDATE billing_accounts SET currency = 'JPY' WHERE tenant_id = a;
    PERFORM test.is((SELECT string_agg(l.amount::text, ' ') FROM croft_rate(a, '2024-05-01Z', '2024-06-01Z') l), '0', 'a currency without cents');
    SET LOCAL session_replication_role = replica;
    DELETE FROM charges WHERE account_id = a;
    SET LOCAL session_replication_role = origin;
    PERFORM test.no_prices(croft_root());
END
$$;

-- ---- Through the API: books, prices, costs, charges; what a reseller pays is not for its tenants.
CREATE FUNCTION test.req(p_id text, p_body jsonb DEFAULT NULL, p_match text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('id', p_id, 'if_match', p_match)) || CASE WHEN p_body IS NULL THEN '{}' ELSE jsonb_build_object('body', p_body) END
$$;
CREATE FUNCTION test.says(r test.reply) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.status, r.code, nullif(r.pointer, ''))
$$;
DO $$
DECLARE
    r test.reply;
    v_book text;
    v_version text;
    v_reseller uuid := test.account('rated reseller', croft_root(), 'reseller');
    v_child uuid := test.account('rated child', v_reseller);
    v_other uuid := test.account('rated stranger');
    v_plan uuid := (SELECT id FROM plans WHERE name = 'r-hour');
    v uuid;
    x text;
BEGIN
    r := test.api('op', 'admin_price_book_create', test.req(NULL, '{"currency":"EUR","name":"Standard"}'));
    PERFORM test.is((r.status, r.body->>'now', r.body->>'currency')::text, '(201,,EUR)', 'a price book is made, empty');
    v_book := r.body->>'id';
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_create', test.req(NULL, '{"currency":"EUR","name":"Again"}'))), '409 conflict /currency', 'one a currency');
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_update', test.req(v_book, '{"name":"Other"}'))), '428 precondition_required', 'a name is changed by who has read it');
    PERFORM test.is((test.api('op', 'admin_price_book_update', test.req(v_book, '{"name":"Other"}', r.etag))).body->>'name', 'Other', 'then it is');
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_version_create', test.req(v_book, jsonb_build_object('items', i)))), w, format('items %s: %s', i, w))
    FROM (VALUES ('[{"meter":"traffic"}]'::jsonb, '422 invalid_value /items/0'), ('[{"meter":"rubbish","price_unit":"1"}]', '422 invalid_value /items/0'),
        ('[{}]', '422 invalid_value /items/0/meter'), ('[1]', '422 invalid_value /items/0'), ('{}', '422 invalid_value /items'),
        ('[{"meter":"traffic","price_unit":1}]', '422 invalid_value /items/0/price_unit'), ('[{"meter":"traffic","price_unit":"-1"}]', '422 invalid_value /items/0/price_unit'),
        ('[{"meter":"traffic","price_unit":"1"},{"meter":"traffic","price_unit":"2"}]', '422 invalid_value /items/1'),
        ('[{"meter":"plan","price_month":"1","plan_id":"x"}]', '422 invalid_value /items/0/plan_id'), ('[{"meter":"held","percent":"101"}]', '422 invalid_value /items/0/percent'),
        ('[{"meter":"plan","price_month":"1","plan_id":"01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"}]', '422 invalid_value /items/0'),
        ('[{"meter":"io","price_unit":"1","wat":1}]', '422 invalid_value /items/0/wat')) y (i, w);
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_version_create', test.req(v_book, '{"items":[],"valid_from":"2001-01-01T00:00:00Z"}'))),
        '422 invalid_value /valid_from', 'no version holds from the past on');
    r := test.api('op', 'admin_price_book_version_create', test.req(v_book, '{"items":[{"meter":"traffic","price_unit":"1.00"}],"valid_from":"2090-01-01T00:00:00Z"}'));
    PERFORM test.is((r.status, r.body#>>'{items,0,price_unit}', r.body->>'number')::text, '(201,1.00,1)', 'a version is made');
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_version_create', test.req(v_book, '{"items":[],"valid_from":"2090-01-01T00:00:00Z"}'))),
        '409 conflict /valid_from', 'one a moment');
    UPDATE price_book_versions SET created_at = created_at - interval '1 second' WHERE id = (r.body->>'id')::uuid;
    PERFORM test.refused(format('INSERT INTO price_items (version_id, meter, price_unit) VALUES (%L, ''io'', 1)', r.body->>'id'), 'nothing is added to a version');
    PERFORM test.is((test.api('op', 'admin_price_book_version_delete', test.req(r.body->>'id'))).status, 204, 'one that does not hold yet is deleted');
    PERFORM test.is((test.api('op', 'admin_price_book_version_delete', test.req(r.body->>'id'))).status, 404, 'once');
    v_version := test.prices(croft_root(), '2024-01-01Z', '[{"meter":"traffic","price_unit":1.50}]');
    PERFORM test.is(test.says(test.api('op', 'admin_price_book_version_delete', test.req(v_version))), '409 conflict', 'one that holds is not');
    PERFORM test.refused(format('DELETE FROM price_book_versions WHERE id = %L', v_version), 'by nobody');

    -- The reseller sells at its own prices, and pays the root's.
    INSERT INTO plan_offers (seller_id, plan_id, price_month, price_hour, currency) VALUES (v_reseller, v_plan, 9, 0.02, 'EUR');
    UPDATE plan_offers SET price_month = 10, price_hour = 0.025 WHERE seller_id = v_reseller;
    PERFORM test.is((SELECT string_agg(concat_ws(' ', price_month, price_hour), ',') FROM plan_offer_prices WHERE seller_id = v_reseller AND plan_id = v_plan), '10 0.025',
        'of several prices within a second the last holds');
    v := test.lived('sold-on', v_child, '[["2024-04-01Z","running","r-hour"],["2024-04-02Z","gone"]]');
    PERFORM test.is(test.month(v_reseller, '2024-04') || ' / ' || test.month(v_child, '2024-04'), 'plan 24.000000 hour 0.24 / plan 24.000000 hour 0.60', 'wholesale and retail');
    INSERT INTO plan_offer_prices (seller_id, plan_id, valid_from, price_month, price_hour, currency) VALUES (v_reseller, v_plan, '2024-04-01 12:00Z', 10, 0.05, 'EUR');
    UPDATE plan_offer_prices SET valid_from = '2024-01-01Z' WHERE seller_id = v_reseller AND price_hour = 0.025;
    DELETE FROM plan_offers WHERE seller_id = v_reseller;
    PERFORM test.is(test.month(v_child, '2024-04'), 'plan 12.000000 hour 0.30, plan 12.000000 hour 0.60', 'an offer''s price changes from a second on, and outlives the offer');
    PERFORM test.is(test.month(v_reseller, '2024-04'), 'plan 24.000000 hour 0.24', 'which is nothing to what its seller pays');
    PERFORM croft_charge(v_reseller, '2024-04-01'), croft_charge(v_child, '2024-04-01');
    PERFORM set_config('role', 'croft_tenant', true), set_config('croft.tenant', v_child::text, true);
    SELECT string_agg(DISTINCT c.account_id::text, ' ') INTO x FROM charges c;
    PERFORM set_config('role', 'none', true);
    PERFORM test.is(x, v_child::text, 'a tenant reads what it is charged, not what its reseller is for it');
    PERFORM set_config('role', 'croft_tenant', true);
    SELECT count(*)::text INTO x FROM price_items;
    PERFORM set_config('role', 'none', true), set_config('croft.tenant', '', true);
    PERFORM test.is(x, '0', 'and no list of anybody');

    r := test.api('rated child', 'cost_read', '{"query":{"month":"2024-04"}}');
    PERFORM test.is((r.status, r.body->>'net', r.body->>'charged', r.body->>'forecast', jsonb_array_length(r.body->'lines'))::text, '(200,0.90,true,,0)', 'costs of a month that is over');
    r := test.api('rated child', 'cost_read', jsonb_build_object('query', jsonb_build_object('month', '2024-04', 'vps_id', v)));
    PERFORM test.is(jsonb_array_length(r.body->'lines'), 2, 'with the lines of a vps');
    PERFORM test.is((test.api('rated child', 'cost_read', '{"query":{"month":"2024-13"}}')).pointer, '/month', 'of a month that there is');
    PERFORM test.is((test.api('rated reseller', 'child_cost_read', test.req(v_child::text) || '{"query":{"month":"2024-04"}}')).body->>'net', '0.90', 'a reseller sees what its tenant pays it');
    PERFORM test.is((test.api('rated stranger', 'child_cost_read', test.req(v_child::text))).status, 404, 'and nobody else');
    PERFORM test.is((test.api('op', 'admin_cost_read', test.req(v_child::text) || '{"query":{"month":"2024-04"}}')).body->>'net', '0.90', 'but an operator');
    r := test.api('rated child', 'charge_list', '{"query":{"month":"2024-04"}}');
    PERFORM test.is(jsonb_array_length(r.body->'items'), 2, 'charges are listed');
    PERFORM test.is(jsonb_array_length((test.api('rated child', 'charge_list', '{"query":{"month":"2024-05"}}')).body->'items'), 0, 'by month');
    r := test.api('rated child', 'charge_read', test.req(r.body#>>'{items,0,id}'));
    PERFORM test.is((jsonb_array_length(r.body->'periods'), r.body#>>'{periods,0,state}', (r.body#>>'{periods,0,seconds}')::int)::text, '(1,running,43200)', 'and opened to their periods');
    PERFORM test.is((test.api('rated reseller', 'charge_read', test.req(r.body->>'id'))).status, 404, 'a charge is its account''s');

    r := test.api('rated child', 'price_read');
    PERFORM test.is((r.status, r.body->'items')::text, '(200,[])', 'a tenant learns its own prices');
    r := test.api('rated stranger', 'price_read');
    PERFORM test.ok(r.body->'items' @> '[{"meter":"traffic","price_unit":"1.50"}]' AND r.body->'plans' @> '[{"name":"r-hour","price_hour":"0.01","source":"plan"}]', 'of its seller', r.body::text);
    PERFORM test.is(test.says(test.api('rated stranger', 'price_book_create', test.req(NULL, '{"currency":"EUR","name":"x"}'))), '403 forbidden', 'only a seller has a price book');
    r := test.api('rated reseller', 'price_book_create', test.req(NULL, '{"currency":"EUR","name":"Ours"}'));
    PERFORM test.is(r.status, 201, 'a reseller has one');
    PERFORM test.is((test.api('rated reseller', 'price_book_read', test.req(v_book))).status, 404, 'and does not see the root''s');
    PERFORM test.is((test.api('rated reseller', 'price_book_version_read', test.req(v_version))).status, 404, 'nor its versions');
    PERFORM test.is((test.api('rated reseller', 'price_book_update', test.req(r.body->>'id', '{"name":"Still ours"}', r.etag))).status, 200, 'which it names');
    PERFORM test.is((test.api('rated reseller', 'price_book_version_delete', test.req((test.api('rated reseller', 'price_book_version_create',
        test.req(r.body->>'id', '{"items":[],"valid_from":"2090-01-01T00:00:00Z"}'))).body->>'id'))).status, 204, 'and takes back what does not hold yet');
    r := test.api('rated reseller', 'price_book_version_create', test.req(r.body->>'id', '{"items":[{"meter":"ipv4","price_month":"1"}]}'));
    PERFORM test.is((r.status, (r.body->>'valid_from')::timestamptz > now())::text, '(201,t)', 'a version holds from the next second on');
    PERFORM test.is((test.api('rated reseller', 'tax_rule_create', test.req(NULL, '{"rate":"20","name":"VAT","country":"AT"}'))).status, 201, 'a reseller has taxes of its own');
    PERFORM test.is(test.says(test.api('rated reseller', 'tax_rule_create', test.req(NULL, '{"rate":"101","name":"VAT"}'))), '422 invalid_value /rate', 'of at most all');
    PERFORM test.is(jsonb_array_length((test.api('rated reseller', 'tax_rule_list')).body->'items'), 1, 'and sees those alone');
    r := test.api('rated reseller', 'tax_rule_create', test.req(NULL, '{"rate":"21","name":"VAT","country":"AT","valid_from":"2090-01-01T00:00:00Z"}'));
    PERFORM test.is((test.api('rated reseller', 'tax_rule_delete', test.req(r.body->>'id'))).status, 204, 'one''s own is taken back until it holds');
    r := test.api('op', 'admin_tax_rule_create', test.req(NULL, '{"rate":"20","name":"VAT","country":"AT","valid_from":"2091-01-01T00:00:00Z"}'));
    PERFORM test.is((test.api('rated reseller', 'tax_rule_delete', test.req(r.body->>'id'))).status, 404, 'another''s rule is not deleted');
    PERFORM test.is((test.api('op', 'admin_tax_rule_delete', test.req(r.body->>'id'))).status, 204, 'one''s own is, until it holds');
    -- A forecast: what is there goes on.
    v := test.lived('goes-on', v_other, jsonb_build_array(jsonb_build_array(croft_month_start(now()), 'running', 'r-month')));
    r := test.api('rated stranger', 'cost_read');
    PERFORM test.is((r.body->'forecast'->>'net', (r.body->>'net')::numeric <= 31, r.body->>'charged')::text, '(31.00,t,false)', 'the month that goes on has a forecast');
    PERFORM test.no_prices(croft_root()), test.no_prices(v_reseller);
    SET LOCAL session_replication_role = replica;
    DELETE FROM charges WHERE account_id IN (v_reseller, v_child);
    DELETE FROM tax_rules;
    SET LOCAL session_replication_role = origin;
END
$$;
SELECT test.forget_lived();
