-- What the API shows of prices, costs and charges.

-- The month of a request; this one unless it says.
CREATE OR REPLACE FUNCTION croft_month_of(p_req jsonb) RETURNS date LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_text text := coalesce(p_req->'query'->>'month', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM'));
BEGIN
    IF v_text !~ '^2[0-9]{3}-(0[1-9]|1[0-2])$' THEN
        PERFORM croft_raise(422, 'invalid_value', 'This is a month such as 2026-11.', '/month');
    END IF;
    RETURN (v_text || '-01')::date;
END
$$;

-- ---- Prices

-- Each plan that the tenant of the context may choose, wherever no other price is named, and where one is.
CREATE OR REPLACE FUNCTION croft_plan_prices(a billing_accounts, p_version uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('plan_id', x.id, 'name', x.name, 'title', x.title, 'location_id', x.location_id,
        'price_hour', x.price_hour::text, 'price_month', x.price_month::text, 'source', x.source) ORDER BY x.name, x.location_id NULLS FIRST), '[]')
    FROM (
        SELECT p.id, p.name, p.title, w.location_id,
            CASE WHEN i.id IS NULL THEN p.price_hour ELSE coalesce(i.price_hour, 0) END AS price_hour,
            CASE WHEN i.id IS NULL THEN p.price_month ELSE coalesce(i.price_month, 0) END AS price_month,
            CASE WHEN i.id IS NOT NULL THEN 'book' WHEN a.seller_id = croft_root() THEN 'plan' ELSE 'offer' END AS source
        FROM plans_offered p
        CROSS JOIN LATERAL (SELECT NULL::uuid AS location_id UNION SELECT y.location_id FROM price_items y
            WHERE y.version_id = p_version AND y.meter = 'plan' AND (y.plan_id IS NULL OR y.plan_id = p.id)) w
        CROSS JOIN LATERAL croft_price_item(p_version, 'plan', p.id, w.location_id) i
        WHERE p.active AND (i.id IS NOT NULL OR p.currency = a.currency)
    ) x
$$;

CREATE OR REPLACE FUNCTION croft_prices(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    a billing_accounts;
    v price_book_versions;
    t tax_rules;
BEGIN
    SELECT * INTO a FROM billing_accounts WHERE tenant_id = croft_tenant_id();
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('billing account');
    END IF;
    SELECT x.* INTO v FROM price_books b JOIN price_book_versions x ON x.book_id = b.id
        WHERE b.seller_id = a.seller_id AND b.currency = a.currency AND x.valid_from <= now() ORDER BY x.valid_from DESC LIMIT 1;
    t := croft_tax_rule(a, 'plan', now());
    RETURN (200, json_build_object('currency', a.currency, 'valid_from', v.valid_from,
        'next_from', (SELECT min(x.valid_from) FROM price_books b JOIN price_book_versions x ON x.book_id = b.id
            WHERE b.seller_id = a.seller_id AND b.currency = a.currency AND x.valid_from > now()),
        'plans', croft_plan_prices(a, v.id),
        'items', coalesce((SELECT json_agg(croft_price_item_json(i) ORDER BY i.meter, i.plan_id NULLS FIRST, i.location_id NULLS FIRST)
            FROM price_items i WHERE i.version_id = v.id AND i.meter <> 'plan'
                AND (i.plan_id IS NULL OR i.plan_id IN (SELECT p.id FROM plans_offered p))), '[]'),
        'tax_rate', coalesce(t.rate, 0)::text, 'tax_name', t.name)::text, NULL, NULL)::croft_answer;
END
$$;

-- ---- Costs

CREATE OR REPLACE FUNCTION croft_line_json(l rated_line) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('key', l.key, 'vps_id', l.vps_id, 'tenant_id', l.tenant_id, 'location_id', l.location_id, 'meter', l.meter,
        'description', l.description, 'from', l.from_ts, 'to', l.to_ts, 'quantity', l.quantity::text, 'unit', l.unit, 'unit_price', l.unit_price::text,
        'amount', l.amount::text, 'currency', l.currency, 'tax_rate', l.tax_rate::text, 'tax_amount', l.tax_amount::text, 'tax_name', l.tax_name);

CREATE OR REPLACE FUNCTION croft_meter_costs_json(p_lines rated_line[]) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('meter', x.meter, 'unit', x.unit, 'quantity', x.quantity::text, 'net', x.net::text)
        ORDER BY x.meter, x.unit), '[]')
    FROM (SELECT l.meter, l.unit, sum(l.quantity) AS quantity, sum(l.amount) AS net FROM unnest(p_lines) l GROUP BY l.meter, l.unit) x
$$;

CREATE OR REPLACE FUNCTION croft_vps_costs_json(p_lines rated_line[]) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('vps_id', x.vps_id, 'name', v.name, 'tenant_id', v.tenant_id, 'net', x.net::text,
        'meters', croft_meter_costs_json(x.lines)) ORDER BY x.net DESC, x.vps_id), '[]')
    FROM (SELECT l.vps_id, sum(l.amount) AS net, array_agg(l) AS lines FROM unnest(p_lines) l WHERE l.vps_id IS NOT NULL GROUP BY l.vps_id) x
    JOIN vps v ON v.id = x.vps_id
$$;

CREATE OR REPLACE FUNCTION croft_totals_json(p_lines rated_line[], p_currency text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('net', round(coalesce(sum(l.amount), 0), d)::text, 'tax', round(coalesce(sum(l.tax_amount), 0), d)::text,
        'gross', round(coalesce(sum(l.amount + l.tax_amount), 0), d)::text)
    FROM croft_currency_digits(p_currency) d LEFT JOIN unnest(p_lines) l ON true GROUP BY d
$$;

-- The whole month, if what is there stays and what is used goes on as it did until p_now (for an hour at least, so that a month that has just
-- begun says something).
CREATE OR REPLACE FUNCTION croft_forecast_lines(a billing_accounts, p_from timestamptz, p_now timestamptz) RETURNS rated_line[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_end timestamptz := croft_month_end(p_from);
    v_scale numeric := croft_seconds(p_from, v_end) / greatest(croft_seconds(p_from, p_now), 3600);
BEGIN
    RETURN ARRAY(SELECT t FROM croft_rate_taxed(a, p_from, ARRAY(
        SELECT l FROM croft_rate_time(a, p_from, v_end) l UNION ALL SELECT l FROM croft_rate_snapshots(a, p_from, v_end) l
        UNION ALL SELECT l FROM croft_rate_traffic(a, p_from, v_end, v_scale) l UNION ALL SELECT l FROM croft_rate_used(a, p_from, v_end, v_scale) l)) t);
END
$$;

-- The caller has found that its reader may see the account.
CREATE OR REPLACE FUNCTION croft_costs_of(p_account uuid, p_req jsonb) RETURNS croft_answer LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month date := croft_month_of(p_req);
    v_from timestamptz := v_month::timestamp AT TIME ZONE 'UTC';
    v_end timestamptz := croft_month_end(v_from);
    v_to timestamptz := greatest(v_from, least(v_end, croft_second()));
    v_vps uuid := (p_req->'query'->>'vps_id')::uuid;
    v_lines rated_line[];
    a billing_accounts;
BEGIN
    SELECT * INTO a FROM billing_accounts WHERE tenant_id = p_account;
    IF NOT FOUND THEN
        PERFORM croft_raise_not_found('billing account');
    END IF;
    v_lines := ARRAY(SELECT l FROM croft_rate(p_account, v_from, v_to) l);
    RETURN (200, (jsonb_build_object('account_id', a.tenant_id, 'month', to_char(v_month, 'YYYY-MM'), 'currency', a.currency, 'from', v_from, 'to', v_to,
        'charged', EXISTS (SELECT FROM charges c WHERE c.account_id = a.tenant_id AND c.month = v_month),
        'unpriced', (SELECT count(*) FROM unnest(v_lines) l WHERE l.unit_price IS NULL), 'vps', croft_vps_costs_json(v_lines),
        'meters', croft_meter_costs_json(v_lines),
        'lines', (SELECT coalesce(json_agg(croft_line_json(l) ORDER BY l.from_ts, l.key), '[]') FROM unnest(v_lines) l WHERE l.vps_id = v_vps),
        'traffic', croft_traffic_pool(a, v_from),
        'forecast', CASE WHEN v_to < v_end THEN croft_totals_json(croft_forecast_lines(a, v_from, v_to), a.currency) END)
        || croft_totals_json(v_lines, a.currency))::text, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_costs(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_costs_of(croft_tenant_id(), p_req);
END
$$;

-- Of one right below, at the prices of who asks.
CREATE OR REPLACE FUNCTION croft_child_costs(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM billing_accounts WHERE tenant_id = (p_req->>'id')::uuid AND seller_id = croft_tenant_id()) THEN
        PERFORM croft_raise_not_found('tenant');
    END IF;
    RETURN croft_costs_of((p_req->>'id')::uuid, p_req);
END
$$;

CREATE OR REPLACE FUNCTION croft_admin_costs(p_req jsonb) RETURNS croft_answer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN croft_costs_of((p_req->>'id')::uuid, p_req);
END
$$;

-- ---- Charges

CREATE OR REPLACE FUNCTION croft_charge_json(c charges) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('id', c.id, 'account_id', c.account_id, 'month', to_char(c.month, 'YYYY-MM'), 'kind', c.kind, 'key', c.key,
        'vps_id', c.vps_id, 'tenant_id', c.tenant_id, 'location_id', c.location_id, 'meter', c.meter, 'description', c.description,
        'from', c.from_ts, 'to', c.to_ts, 'quantity', c.quantity::text, 'unit', c.unit, 'unit_price', c.unit_price::text, 'amount', c.amount::text,
        'currency', c.currency, 'tax_rate', c.tax_rate::text, 'tax_amount', c.tax_amount::text, 'tax_name', c.tax_name, 'invoice_id', c.invoice_id,
        'rated_at', c.rated_at);

-- What is shown of a charge is what was; of what it was computed from, at most this many rows of each kind.
CREATE OR REPLACE FUNCTION croft_evidence_max() RETURNS int LANGUAGE sql IMMUTABLE RETURN 1000;

CREATE OR REPLACE FUNCTION croft_charge_periods(c charges) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('vps_id', p.vps_id, 'plan_id', p.plan_id, 'plan_version', p.plan_version, 'location_id', p.location_id,
        'state', p.state, 'ipv4_count', p.ipv4_count, 'from', p.from_ts, 'to', p.to_ts,
        'seconds', croft_seconds(greatest(p.from_ts, c.from_ts), least(coalesce(p.to_ts, c.to_ts), c.to_ts))::bigint) ORDER BY p.from_ts), '[]')
    FROM (SELECT x.* FROM vps_periods x WHERE c.meter IN ('plan', 'ipv4') AND x.vps_id = c.vps_id AND x.from_ts < c.to_ts
        AND (x.to_ts IS NULL OR x.to_ts > c.from_ts) ORDER BY x.from_ts LIMIT croft_evidence_max()) p
$$;

CREATE OR REPLACE FUNCTION croft_charge_snapshots(c charges) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('snapshot_id', p.snapshot_id, 'size_bytes', p.size_bytes, 'from', p.from_ts, 'to', p.to_ts,
        'seconds', croft_seconds(greatest(p.from_ts, c.from_ts), least(coalesce(p.to_ts, c.to_ts), c.to_ts))::bigint) ORDER BY p.from_ts), '[]')
    FROM (SELECT x.* FROM snapshot_periods x WHERE c.meter = 'snapshot' AND x.vps_id = c.vps_id AND x.from_ts < c.to_ts
        AND (x.to_ts IS NULL OR x.to_ts > c.from_ts) ORDER BY x.from_ts LIMIT croft_evidence_max()) p
$$;

-- The hours that a charge by use comes from: those of its vps, or of all of the account.
CREATE OR REPLACE FUNCTION croft_charge_hours(c charges) RETURNS SETOF usage_hours LANGUAGE sql STABLE AS $$
    SELECT h.* FROM tenants t
    CROSS JOIN LATERAL (SELECT x.* FROM usage_hours x WHERE x.tenant_id = t.id AND x.hour >= c.from_ts AND x.hour < c.to_ts
        AND (c.vps_id IS NULL OR x.vps_id = c.vps_id)) h
    WHERE c.meter IN ('traffic', 'cpu', 'disk', 'io') AND t.path @> ARRAY[c.account_id]
$$;

CREATE OR REPLACE FUNCTION croft_charge_evidence_json(c charges) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('facts', c.evidence, 'periods', croft_charge_periods(c), 'snapshots', croft_charge_snapshots(c),
        'usage', (SELECT coalesce(json_agg(json_build_object('vps_id', u.vps_id, 'samples', u.samples, 'hours', u.hours, 'net_tx_outside_bytes', u.tx,
                'cpu_ns', u.cpu, 'io_operations', u.io, 'disk_byte_seconds', u.disk::text, 'first_at', u.first_ts, 'last_at', u.last_ts) ORDER BY u.tx DESC, u.vps_id), '[]')
            FROM (SELECT h.vps_id, sum(h.samples) AS samples, count(*) AS hours, sum(h.net_tx_outside_bytes) AS tx, sum(h.cpu_ns) AS cpu,
                    sum(h.io_read_ops + h.io_write_ops) AS io, sum(h.disk_byte_seconds) AS disk, min(h.first_ts) AS first_ts, max(h.last_ts) AS last_ts
                FROM croft_charge_hours(c) h GROUP BY h.vps_id ORDER BY sum(h.net_tx_outside_bytes) DESC, h.vps_id LIMIT croft_evidence_max()) u),
        'hours', (SELECT coalesce(json_agg(json_build_object('vps_id', h.vps_id, 'hour', h.hour, 'samples', h.samples, 'net_tx_outside_bytes', h.net_tx_outside_bytes,
                'cpu_ns', h.cpu_ns, 'io_operations', h.io_read_ops + h.io_write_ops, 'disk_byte_seconds', h.disk_byte_seconds::text,
                'first_at', h.first_ts, 'last_at', h.last_ts) ORDER BY h.hour, h.vps_id), '[]')
            FROM (SELECT * FROM croft_charge_hours(c) x ORDER BY x.hour, x.vps_id LIMIT croft_evidence_max()) h),
        'truncated', (SELECT count(*) > croft_evidence_max() FROM croft_charge_hours(c)))
$$;

CREATE OR REPLACE FUNCTION croft_charge_answer(c charges) RETURNS croft_answer LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF c.id IS NULL THEN
        PERFORM croft_raise_not_found('charge');
    END IF;
    RETURN (200, (to_jsonb(croft_charge_json(c)) || croft_charge_evidence_json(c))::text, NULL, NULL)::croft_answer;
END
$$;

CREATE OR REPLACE FUNCTION croft_charge_detail(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_charge_answer((SELECT c FROM charges c WHERE c.id = (p_req->>'id')::uuid AND c.account_id = croft_tenant_id()))
$$;

CREATE OR REPLACE FUNCTION croft_admin_charge_detail(p_req jsonb) RETURNS croft_answer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT croft_charge_answer((SELECT c FROM charges c WHERE c.id = (p_req->>'id')::uuid))
$$;
