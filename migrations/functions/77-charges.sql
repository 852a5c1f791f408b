-- What was charged: lines of croft_rate() as they were, and what came to light later as lines of its own.

-- How many samples of the month there are of the account, and so whether more came since it was charged, or some are no longer kept.
CREATE OR REPLACE FUNCTION croft_usage_samples_of(p_account uuid, p_from timestamptz) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(h.samples), 0) FROM tenants t JOIN usage_parts h ON h.tenant_id = t.id
    WHERE t.path @> ARRAY[p_account] AND h.hour >= p_from AND h.hour < croft_month_end(p_from));
END
$$;

-- Rates a month that is over and writes what is not charged yet; returns how many lines. Run twice it writes nothing more. A line that would
-- be otherwise now gets an adjustment with the difference, at the tax of the line itself.
CREATE OR REPLACE FUNCTION croft_charge(p_account uuid, p_month date) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    a billing_accounts := croft_account_lock(p_account);
    v_from timestamptz := croft_month_start(p_month::timestamp AT TIME ZONE 'UTC');
    v_month date := (v_from AT TIME ZONE 'UTC')::date;
    v_lines int;
    v_complete boolean; -- what it was charged by is still there: evidence is kept for two years, charges for ever
BEGIN
    v_complete := croft_usage_samples_of(p_account, v_from) >= coalesce((SELECT max((c.evidence->>'account_samples')::numeric) FROM charges c
        WHERE c.account_id = p_account AND c.month = v_month), 0);
    IF croft_month_end(v_from) > now() THEN
        PERFORM croft_raise(409, 'conflict', 'A month is charged when it is over.');
    END IF;
    WITH rated AS MATERIALIZED (
        SELECT * FROM croft_rate(p_account, v_from, croft_month_end(v_from))
    ), charged AS (
        SELECT c.key, sum(c.amount) AS amount, sum(c.quantity) AS quantity, max(c.number) AS number,
            (array_agg(c ORDER BY c.number))[1] AS line
        FROM charges c WHERE c.account_id = p_account AND c.month = v_month GROUP BY c.key
    )
    INSERT INTO charges (account_id, month, key, number, vps_id, tenant_id, location_id, meter, description, from_ts, to_ts, quantity, unit,
        unit_price, amount, currency, tax_rate, tax_amount, tax_name, price_version, evidence)
    SELECT p_account, v_month, coalesce(r.key, c.key), coalesce(c.number + 1, 0), coalesce(r.vps_id, (c.line).vps_id),
        coalesce(r.tenant_id, (c.line).tenant_id), coalesce(r.location_id, (c.line).location_id), coalesce(r.meter, (c.line).meter),
        coalesce((c.line).description, r.description), coalesce(r.from_ts, (c.line).from_ts), coalesce(r.to_ts, (c.line).to_ts),
        CASE WHEN c.key IS NULL THEN r.quantity ELSE trim_scale(coalesce(r.quantity, 0) - c.quantity) END, coalesce(r.unit, (c.line).unit), coalesce(r.unit_price, (c.line).unit_price),
        d.amount, coalesce(r.currency, (c.line).currency), coalesce((c.line).tax_rate, r.tax_rate),
        round(d.amount * coalesce((c.line).tax_rate, r.tax_rate) / 100, croft_currency_digits(a.currency)),
        coalesce((c.line).tax_name, r.tax_name), coalesce(r.price_version, (c.line).price_version),
        coalesce(r.evidence, jsonb_build_object('gone', true)) || CASE WHEN c.key IS NULL THEN '{}' ELSE jsonb_build_object('charged_before', c.amount::text) END
    FROM rated r FULL JOIN charged c ON c.key = r.key
    CROSS JOIN LATERAL (SELECT coalesce(r.amount, 0) - coalesce(c.amount, 0) AS amount) d
    WHERE (c.key IS NULL OR d.amount <> 0 OR coalesce(r.quantity, 0) <> c.quantity)
        AND (v_complete OR coalesce(r.meter, (c.line).meter) NOT IN ('traffic', 'cpu', 'disk', 'io'))
    ORDER BY coalesce(r.key, c.key);
    GET DIAGNOSTICS v_lines = ROW_COUNT;
    RETURN v_lines;
END
$$;

-- Recomputes each month that was charged, from what existed, was used and cost. Where usage came after the month was charged, its lines are
-- due for an adjustment by the next croft_charge(), which is no difference; that usage is gone, or that time costs something else, is one.
CREATE OR REPLACE FUNCTION croft_verify_rating()
RETURNS TABLE (kind text, subject uuid, resource text, stored text, actual text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    m record;
BEGIN
    FOR m IN SELECT c.account_id, c.month, c.month::timestamp AT TIME ZONE 'UTC' AS from_ts,
            max((c.evidence->>'account_samples')::numeric) AS samples FROM charges c GROUP BY c.account_id, c.month ORDER BY 2, 1
    LOOP
        RETURN QUERY
        WITH rated AS MATERIALIZED (
            SELECT l.key, l.meter, l.amount FROM croft_rate(m.account_id, m.from_ts, croft_month_end(m.from_ts)) l
        ), charged AS (
            SELECT c.key, min(c.meter) AS meter, sum(c.amount) AS amount FROM charges c
            WHERE c.account_id = m.account_id AND c.month = m.month GROUP BY c.key
        )
        SELECT 'charge', m.account_id, format('%s %s', to_char(m.month, 'YYYY-MM'), coalesce(r.key, c.key)), coalesce(c.amount::text, 'none'),
            coalesce(r.amount::text, 'none')
        FROM rated r FULL JOIN charged c ON c.key = r.key CROSS JOIN croft_usage_samples_of(m.account_id, m.from_ts) u (samples)
        WHERE coalesce(r.amount, 0) <> coalesce(c.amount, 0) AND (coalesce(r.meter, c.meter) NOT IN ('traffic', 'cpu', 'disk', 'io')
            OR coalesce(m.samples, 0) = u.samples OR coalesce(m.samples, 0) > u.samples AND m.from_ts > now() - interval '730 days')
        ORDER BY 3;
    END LOOP;
    RETURN QUERY SELECT 'charge_tax', c.account_id, format('%s %s %s', to_char(c.month, 'YYYY-MM'), c.key, c.number), c.tax_amount::text,
        round(c.amount * c.tax_rate / 100, croft_currency_digits(c.currency))::text
    FROM charges c WHERE c.tax_amount <> round(c.amount * c.tax_rate / 100, croft_currency_digits(c.currency)) ORDER BY 2, 3;
END
$$;
