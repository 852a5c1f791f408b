-- What an account owes for a time, as lines: from what existed (vps_periods, snapshot_periods), what was used (usage_hours) and what it
-- cost (76-prices.sql). Nothing here looks at the clock or writes: the same history gives the same lines. docs/billing.md, "Rating".

-- What is charged by time. One row is one line: the same thing at the same price without a break. Shares and amounts follow in croft_rate_time().
CREATE OR REPLACE FUNCTION croft_rate_segments(a billing_accounts, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (vps_id uuid, tenant_id uuid, location_id uuid, meter text, plan_id uuid, plan_version int, source text, version_id uuid,
    units int, percent numeric, price_hour numeric, price_month numeric, from_ts timestamptz, to_ts timestamptz, states text[])
LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
    v_root boolean := (SELECT t.parent_id IS NULL FROM tenants t WHERE t.id = a.seller_id);
BEGIN
    RETURN QUERY
    WITH spans AS MATERIALIZED (
        SELECT s.version_id, s.from_ts, s.to_ts FROM croft_price_spans(a.seller_id, a.currency, p_from, p_to) s
    ), held AS (
        -- Whatever exists for the account: its own and that of those below it.
        SELECT p.*, coalesce(p.to_ts, p_to) AS until FROM tenants t JOIN vps_periods p ON p.tenant_id = t.id
        WHERE t.path @> ARRAY[a.tenant_id] AND p.from_ts < p_to AND (p.to_ts IS NULL OR p.to_ts > p_from)
            AND p.state NOT IN ('ending', 'lost')
    ), offers AS (
        SELECT x.plan_id, o.* FROM (SELECT DISTINCT h.plan_id FROM held h WHERE NOT v_root) x,
            croft_offer_spans(a.seller_id, x.plan_id, p_from, p_to) o
    ), pieces AS (
        SELECT h.vps_id, h.tenant_id, h.location_id, h.plan_id, h.plan_version, h.state, h.ipv4_count, s.version_id, i.id AS item_id,
            croft_state_percent(s.version_id, h.state, h.plan_id, h.location_id) AS percent,
            CASE WHEN i.id IS NOT NULL THEN 'book' WHEN v_root THEN 'plan' ELSE 'offer' END AS source,
            CASE WHEN i.id IS NOT NULL THEN s.version_id WHEN v_root THEN v.id ELSE o.id END AS price_version,
            CASE WHEN i.id IS NOT NULL THEN coalesce(i.price_hour, 0) WHEN v_root AND v.currency = a.currency THEN v.price_hour
                WHEN NOT v_root AND o.currency = a.currency THEN o.price_hour END AS price_hour,
            CASE WHEN i.id IS NOT NULL THEN coalesce(i.price_month, 0) WHEN v_root AND v.currency = a.currency THEN v.price_month
                WHEN NOT v_root AND o.currency = a.currency THEN o.price_month END AS price_month,
            coalesce(v.ipv4_count, 0) AS ipv4_free, (n.item).id AS ipv4_item, (n.item).price_hour AS ipv4_hour, (n.item).price_month AS ipv4_month,
            greatest(h.from_ts, s.from_ts, o.from_ts, p_from) AS from_ts, least(h.until, s.to_ts, o.to_ts, p_to) AS to_ts
        FROM held h
        JOIN spans s ON s.from_ts < h.until AND s.to_ts > h.from_ts
        LEFT JOIN plan_versions v ON v.plan_id = h.plan_id AND v.number = h.plan_version
        LEFT JOIN offers o ON o.plan_id = h.plan_id AND o.from_ts < least(h.until, s.to_ts) AND o.to_ts > greatest(h.from_ts, s.from_ts)
        CROSS JOIN LATERAL croft_price_item(s.version_id, 'plan', h.plan_id, h.location_id) i
        CROSS JOIN LATERAL (SELECT croft_price_item(s.version_id, 'ipv4', h.plan_id, h.location_id) AS item) n
    ), priced AS (
        SELECT p.vps_id, p.tenant_id, p.location_id, 'plan' AS meter, p.plan_id, p.plan_version, p.source, p.price_version, 1 AS units,
            p.percent, p.price_hour, p.price_month, p.from_ts, p.to_ts, p.state
        FROM pieces p WHERE p.percent > 0
        UNION ALL
        SELECT p.vps_id, p.tenant_id, p.location_id, 'ipv4', p.plan_id, p.plan_version, 'book', p.version_id, p.ipv4_count - p.ipv4_free,
            p.percent, coalesce(p.ipv4_hour, 0), coalesce(p.ipv4_month, 0), p.from_ts, p.to_ts, p.state
        FROM pieces p WHERE p.percent > 0 AND p.ipv4_item IS NOT NULL AND p.ipv4_count > p.ipv4_free
    ), marked AS (
        SELECT p.*, (p.from_ts, p.tenant_id, p.location_id, p.plan_id, p.plan_version, p.source, p.price_version, p.units, p.percent,
                p.price_hour, p.price_month)
            IS DISTINCT FROM (lag(p.to_ts) OVER w, lag(p.tenant_id) OVER w, lag(p.location_id) OVER w, lag(p.plan_id) OVER w,
                lag(p.plan_version) OVER w, lag(p.source) OVER w, lag(p.price_version) OVER w, lag(p.units) OVER w, lag(p.percent) OVER w,
                lag(p.price_hour) OVER w, lag(p.price_month) OVER w) AS begins
        FROM priced p WINDOW w AS (PARTITION BY p.vps_id, p.meter ORDER BY p.from_ts)
    ), joined AS (
        SELECT m.*, count(*) FILTER (WHERE m.begins) OVER (PARTITION BY m.vps_id, m.meter ORDER BY m.from_ts) AS segment FROM marked m
    )
    SELECT j.vps_id, j.tenant_id, j.location_id, j.meter, j.plan_id, j.plan_version, j.source, j.price_version, j.units, j.percent,
        j.price_hour, j.price_month, min(j.from_ts), max(j.to_ts), array_agg(DISTINCT j.state)
    FROM joined j
    GROUP BY j.vps_id, j.meter, j.segment, j.tenant_id, j.location_id, j.plan_id, j.plan_version, j.source, j.price_version, j.units,
        j.percent, j.price_hour, j.price_month;
END
$$;

-- A vps is paid by started hours from its creation (or its undeletion) on: how many seconds its last hour has left when it was ordered to be
-- deleted at p_end; 0 where it was not. One that was lost with its node pays to the second.
CREATE OR REPLACE FUNCTION croft_started_seconds(p_vps uuid, p_end timestamptz) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN EXISTS (SELECT FROM vps_periods p WHERE p.vps_id = p_vps AND p.from_ts = p_end AND p.state NOT IN ('held', 'ending'))
            OR NOT EXISTS (SELECT FROM vps_periods p WHERE p.vps_id = p_vps AND p.to_ts = p_end AND p.state IN ('running', 'stopped', 'suspended'))
        THEN 0 ELSE (3600 - croft_seconds(coalesce(
            (SELECT max(p.to_ts) FROM vps_periods p WHERE p.vps_id = p_vps AND p.to_ts < p_end AND p.state NOT IN ('running', 'stopped', 'suspended')),
            (SELECT min(p.from_ts) FROM vps_periods p WHERE p.vps_id = p_vps)), p_end)::int % 3600) % 3600 END);
END
$$;

-- Lines by time, within one month of UTC. Each is what its running total adds to the lines before it (of the vps, the meter and the way of
-- pricing), rounded: so they sum to the exact total rounded once, and no change of plan makes anything cheaper by rounding.
CREATE OR REPLACE FUNCTION croft_rate_time(a billing_accounts, p_from timestamptz, p_to timestamptz) RETURNS SETOF rated_line
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month numeric := croft_seconds(croft_month_start(p_from), croft_month_end(p_from));
    v_digits int := croft_currency_digits(a.currency);
BEGIN
    RETURN QUERY
    WITH segments AS (
        SELECT s.*, croft_seconds(s.from_ts, s.to_ts) AS seconds,
            CASE WHEN s.price_hour IS NULL THEN 'none' WHEN s.price_hour = 0 THEN 'month' WHEN s.price_month = 0 THEN 'hour' ELSE 'capped' END AS way,
            CASE WHEN s.meter = 'plan' AND s.price_hour > 0 THEN croft_started_seconds(s.vps_id, s.to_ts) ELSE 0 END AS started
        FROM croft_rate_segments(a, p_from, p_to) s
    ), sums AS (
        -- In units of 1/360000 and 1/100, so that nothing is divided before the end.
        SELECT s.*, sum((s.seconds + s.started) * s.price_hour * s.units * s.percent) OVER w AS hours_here,
            sum((s.seconds + s.started) * s.price_hour * s.units * s.percent) OVER al AS hours_all,
            sum(s.seconds * s.price_month * s.units * s.percent) OVER w AS months_here,
            sum(s.seconds * s.price_month * s.units * s.percent) OVER al AS months_all, sum(s.seconds) OVER al AS seconds_all
        FROM segments s
        WINDOW w AS (PARTITION BY s.vps_id, s.meter, s.way ORDER BY s.from_ts), al AS (PARTITION BY s.vps_id, s.meter, s.way)
    ), totals AS (
        SELECT s.*, s.way = 'capped' AND s.hours_all * s.seconds_all > s.months_all * 3600 AS capped FROM sums s
    ), rounded AS (
        SELECT t.*, CASE WHEN t.way = 'none' THEN round(0, v_digits) WHEN t.way = 'month' THEN round(t.months_here / (v_month * 100), v_digits)
            WHEN t.capped THEN round(t.months_all * t.hours_here / (t.seconds_all * 100 * t.hours_all), v_digits)
            ELSE round(t.hours_here / 360000, v_digits) END AS total
        FROM totals t
    )
    SELECT concat_ws('/', r.meter, r.vps_id, to_char(r.from_ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), r.vps_id, r.tenant_id,
        r.location_id, r.meter, croft_rate_label(r.vps_id, r.plan_id, r.meter, r.states, r.percent), r.from_ts, r.to_ts,
        CASE r.way WHEN 'month' THEN round(r.seconds * r.units / v_month, 8) ELSE round((r.seconds + r.started) * r.units / 3600, 6) END,
        CASE r.way WHEN 'month' THEN 'month' ELSE 'hour' END,
        trim_scale(round(CASE r.way WHEN 'month' THEN r.price_month ELSE r.price_hour END * r.percent / 100, 12)),
        r.total - coalesce(lag(r.total) OVER (PARTITION BY r.vps_id, r.meter, r.way ORDER BY r.from_ts), 0),
        a.currency, NULL::numeric, NULL::numeric, NULL::text, r.version_id,
        jsonb_build_object('seconds', r.seconds, 'started_seconds', r.started, 'units', r.units, 'percent', trim_scale(r.percent), 'states', r.states,
            'plan_id', r.plan_id, 'plan_version', r.plan_version, 'price_source', r.source, 'price_hour', trim_scale(r.price_hour)::text,
            'price_month', trim_scale(r.price_month)::text, 'month_seconds', v_month, 'capped', r.capped,
            'cap', CASE WHEN r.capped THEN trim_scale(round(r.months_all / (r.seconds_all * 100), 8))::text END)
    FROM rounded r;
END
$$;

-- What a line says to a person. Names may change: they are no part of what is compared.
CREATE OR REPLACE FUNCTION croft_rate_label(p_vps uuid, p_plan uuid, p_meter text, p_states text[], p_percent numeric) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat_ws(', ', (SELECT v.name FROM vps v WHERE v.id = p_vps),
        CASE p_meter WHEN 'plan' THEN (SELECT p.title FROM plans p WHERE p.id = p_plan) WHEN 'ipv4' THEN 'more IPv4 addresses' END,
        CASE WHEN p_percent < 100 THEN format('%s (%s %%)', array_to_string(p_states, ', '), trim_scale(p_percent)) END)
$$;

-- Lines of one month, or of a part of it, before tax.
CREATE OR REPLACE FUNCTION croft_rate_month(a billing_accounts, p_from timestamptz, p_to timestamptz) RETURNS SETOF rated_line
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM croft_rate_time(a, p_from, p_to);
    RETURN QUERY SELECT * FROM croft_rate_snapshots(a, p_from, p_to);
    RETURN QUERY SELECT * FROM croft_rate_traffic(a, p_from, p_to);
    RETURN QUERY SELECT * FROM croft_rate_used(a, p_from, p_to);
END
$$;

-- With the tax that was frozen when the line was charged, or that of the rules at the line's end.
CREATE OR REPLACE FUNCTION croft_rate_taxed(a billing_accounts, p_month timestamptz, p_lines rated_line[]) RETURNS SETOF rated_line
LANGUAGE sql STABLE AS $$
    SELECT l.key, l.vps_id, l.tenant_id, l.location_id, l.meter, l.description, l.from_ts, l.to_ts, l.quantity, l.unit, l.unit_price, l.amount,
        l.currency, x.rate, round(l.amount * x.rate / 100, croft_currency_digits(l.currency)), x.name, l.price_version, l.evidence
    FROM unnest(p_lines) l
    LEFT JOIN charges c ON c.account_id = a.tenant_id AND c.month = (p_month AT TIME ZONE 'UTC')::date AND c.key = l.key AND c.number = 0
    CROSS JOIN LATERAL croft_tax_rule(a, l.meter, l.to_ts - interval '1 second') t
    CROSS JOIN LATERAL (SELECT CASE WHEN c.id IS NULL THEN coalesce(t.rate, 0) ELSE c.tax_rate END AS rate,
        CASE WHEN c.id IS NULL THEN t.name ELSE c.tax_name END AS name) x
    ORDER BY l.key
$$;

-- Everything that the account owes for [p_from, p_to), one month of UTC after the other. What is open goes on until p_to.
CREATE OR REPLACE FUNCTION croft_rate(p_account uuid, p_from timestamptz, p_to timestamptz) RETURNS SETOF rated_line
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a billing_accounts;
    v_from timestamptz := date_trunc('second', p_from, 'UTC');
    v_end timestamptz := date_trunc('second', p_to, 'UTC');
    v_to timestamptz;
BEGIN
    SELECT * INTO a FROM billing_accounts WHERE tenant_id = p_account;
    WHILE a.tenant_id IS NOT NULL AND v_from < v_end LOOP
        v_to := least(v_end, croft_month_end(v_from));
        RETURN QUERY SELECT * FROM croft_rate_taxed(a, croft_month_start(v_from), ARRAY(SELECT l FROM croft_rate_month(a, v_from, v_to) l));
        v_from := v_to;
    END LOOP;
END
$$;
