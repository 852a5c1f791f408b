-- Lines by what was used: sums of usage_parts, which usage_hours are made of (as a view that sums it cannot be read by an index from here), priced by
-- what held when the hour began. What is not in the seller's list is not billed.

-- Hours of the account's vps in [p_from, p_to) by vps, location, version of the list and traffic policy. An hour belongs to the location
-- that the vps was in last within it.
CREATE OR REPLACE FUNCTION croft_usage_groups(a billing_accounts, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (vps_id uuid, tenant_id uuid, location_id uuid, version_id uuid, policy text, from_ts timestamptz, to_ts timestamptz,
    samples numeric, tx_bytes numeric, cpu_ns numeric, io_ops numeric, disk_byte_seconds numeric)
LANGUAGE plpgsql STABLE ROWS 100 AS $$
BEGIN
    RETURN QUERY
    WITH policies AS (
        SELECT p.policy, CASE WHEN row_number() OVER w = 1 THEN '-infinity' ELSE p.valid_from END AS from_ts,
            lead(p.valid_from, 1, 'infinity') OVER w AS to_ts
        FROM traffic_policies p WHERE p.account_id = a.tenant_id WINDOW w AS (ORDER BY p.valid_from)
    ), spans AS MATERIALIZED (
        SELECT s.version_id, coalesce(p.policy, a.traffic_policy) AS policy, greatest(s.from_ts, p.from_ts) AS from_ts,
            least(s.to_ts, p.to_ts) AS to_ts
        FROM croft_price_spans(a.seller_id, a.currency, p_from, p_to) s
        LEFT JOIN policies p ON p.from_ts < s.to_ts AND p.to_ts > s.from_ts
    ), lives AS (
        SELECT p.vps_id, p.location_id, p.from_ts, p.to_ts FROM tenants t JOIN vps_periods p ON p.tenant_id = t.id
        WHERE t.path @> ARRAY[a.tenant_id] AND p.from_ts < p_to AND (p.to_ts IS NULL OR p.to_ts > p_from)
    ), starts AS (
        -- Of the periods that begin within an hour the last, and the one that the range begins with.
        SELECT DISTINCT ON (l.vps_id, date_trunc('hour', l.from_ts, 'UTC')) l.vps_id, l.location_id, date_trunc('hour', l.from_ts, 'UTC') AS hour
        FROM lives l ORDER BY l.vps_id, date_trunc('hour', l.from_ts, 'UTC'), l.from_ts DESC
    ), moves AS (
        SELECT s.*, lag(s.location_id) OVER w IS DISTINCT FROM s.location_id AS moved, row_number() OVER w AS n
        FROM starts s WINDOW w AS (PARTITION BY s.vps_id ORDER BY s.hour)
    ), places AS MATERIALIZED (
        SELECT m.vps_id, m.location_id, CASE m.n WHEN 1 THEN '-infinity' ELSE m.hour END AS from_hour,
            lead(m.hour, 1, 'infinity') OVER (PARTITION BY m.vps_id ORDER BY m.hour) AS to_hour
        FROM moves m WHERE m.moved
    ), sums AS (
        SELECT h.vps_id, h.tenant_id, l.location_id, s.version_id, s.policy, s.from_ts, s.to_ts, sum(h.samples) AS samples,
            sum(h.last_net_tx_outside_bytes - h.first_net_tx_outside_bytes) AS tx_bytes, sum(h.last_cpu_ns - h.first_cpu_ns) AS cpu_ns,
            sum(h.last_io_read_ops - h.first_io_read_ops + h.last_io_write_ops - h.first_io_write_ops) AS io_ops,
            sum(h.disk_byte_seconds) AS disk_byte_seconds
        FROM tenants t CROSS JOIN spans s JOIN usage_parts h ON h.tenant_id = t.id AND h.hour >= s.from_ts AND h.hour < s.to_ts
        LEFT JOIN places l ON l.vps_id = h.vps_id AND h.hour >= l.from_hour AND h.hour < l.to_hour
        WHERE t.path @> ARRAY[a.tenant_id]
        GROUP BY h.vps_id, h.tenant_id, l.location_id, s.version_id, s.policy, s.from_ts, s.to_ts
    )
    -- What came of a vps after its end counts where it was last.
    SELECT x.vps_id, x.tenant_id, coalesce(x.location_id, (SELECT p.location_id FROM vps_periods p WHERE p.vps_id = x.vps_id AND p.from_ts < p_to
            ORDER BY p.from_ts DESC LIMIT 1)), x.version_id, x.policy, x.from_ts, x.to_ts, x.samples, x.tx_bytes, x.cpu_ns, x.io_ops, x.disk_byte_seconds
    FROM sums x;
END
$$;

-- The account's traffic of the month that p_from is in: what its plans include, by the second that they exist, and what its seller's list
-- adds. What is open goes on to the month's end.
CREATE OR REPLACE FUNCTION croft_traffic_included(a billing_accounts, p_at timestamptz) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT trunc((SELECT coalesce(sum(v.traffic_bytes * croft_seconds(greatest(p.from_ts, m.from_ts), least(coalesce(p.to_ts, m.to_ts), m.to_ts))), 0)
            FROM tenants t JOIN vps_periods p ON p.tenant_id = t.id JOIN plan_versions v ON v.plan_id = p.plan_id AND v.number = p.plan_version
            WHERE t.path @> ARRAY[a.tenant_id] AND p.from_ts < m.to_ts AND (p.to_ts IS NULL OR p.to_ts > m.from_ts)
                AND p.state IN ('running', 'stopped', 'suspended')) / m.seconds
        + (SELECT coalesce(sum((croft_price_item(s.version_id, 'traffic', NULL, NULL)).included * 1000000000000 * croft_seconds(s.from_ts, s.to_ts)), 0)
            FROM croft_price_spans(a.seller_id, a.currency, m.from_ts, m.to_ts) s) / m.seconds)
    FROM (SELECT croft_month_start(p_at) AS from_ts, croft_month_end(p_at) AS to_ts,
        croft_seconds(croft_month_start(p_at), croft_month_end(p_at)) AS seconds) m);
END
$$;

-- What of the pool is used in the month of p_from: {included_bytes, used_bytes, over_bytes, percent, policy}.
CREATE OR REPLACE FUNCTION croft_traffic_pool(a billing_accounts, p_from timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('included_bytes', i.bytes, 'used_bytes', u.bytes, 'over_bytes', greatest(u.bytes - i.bytes, 0),
        'percent', CASE WHEN i.bytes > 0 THEN trunc(u.bytes * 100 / i.bytes) END, 'policy', a.traffic_policy)
    FROM croft_traffic_included(a, p_from) i (bytes),
        LATERAL (SELECT coalesce(sum(h.last_net_tx_outside_bytes - h.first_net_tx_outside_bytes), 0) AS bytes FROM tenants t JOIN usage_parts h ON h.tenant_id = t.id
            WHERE t.path @> ARRAY[a.tenant_id] AND h.hour >= croft_month_start(p_from) AND h.hour < croft_month_end(p_from)) u
$$;

-- Traffic that leaves the location, pooled: what is beyond the pool is shared by those that caused it, in proportion, and priced as in their
-- location. Throttled traffic costs nothing. p_scale: of a forecast, as if it had been so many times as much.
CREATE OR REPLACE FUNCTION croft_rate_traffic(a billing_accounts, p_from timestamptz, p_to timestamptz, p_scale numeric DEFAULT 1)
RETURNS SETOF rated_line LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_included numeric := croft_traffic_included(a, p_from);
    v_digits int := croft_currency_digits(a.currency);
BEGIN
    RETURN QUERY
    WITH used AS (
        SELECT g.location_id, g.version_id, g.policy, g.from_ts, max(g.to_ts) AS to_ts, trunc(sum(g.tx_bytes) * p_scale) AS bytes,
            sum(g.samples) AS samples
        FROM croft_usage_groups(a, p_from, p_to) g GROUP BY g.location_id, g.version_id, g.policy, g.from_ts
    ), summed AS (
        SELECT u.*, sum(u.bytes) OVER () AS all_bytes, sum(u.samples) OVER () AS all_samples,
            greatest(sum(u.bytes) OVER () - v_included, 0) AS over,
            sum(u.bytes) OVER (ORDER BY u.from_ts, u.location_id) AS here
        FROM used u
    ), shared AS (
        SELECT s.*, CASE WHEN s.all_bytes > 0 THEN round(s.over * s.here / s.all_bytes) - round(s.over * (s.here - s.bytes) / s.all_bytes) ELSE 0 END AS share
        FROM summed s
    )
    SELECT concat_ws('/', 'traffic', s.location_id, to_char(s.from_ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), NULL::uuid, a.tenant_id,
        s.location_id, 'traffic', format('Traffic out of %s', (SELECT l.title FROM locations l WHERE l.id = s.location_id))
            || CASE s.policy WHEN 'throttle' THEN ', throttled' ELSE '' END,
        s.from_ts, s.to_ts, trim_scale(s.share / 1000000000000), 'TB', trim_scale(p.price),
        round(s.share * p.price / 1000000000000, v_digits), a.currency, NULL::numeric, NULL::numeric, NULL::text, s.version_id,
        jsonb_build_object('bytes', s.bytes, 'account_bytes', s.all_bytes, 'included_bytes', v_included, 'over_bytes', s.over, 'share_bytes', s.share,
            'policy', s.policy, 'price_source', 'book', 'samples', s.samples, 'account_samples', s.all_samples)
    FROM shared s
    CROSS JOIN LATERAL croft_price_item(s.version_id, 'traffic', NULL, s.location_id) i
    CROSS JOIN LATERAL (SELECT CASE s.policy WHEN 'throttle' THEN 0 ELSE i.price_unit END AS price) p
    WHERE i.id IS NOT NULL AND s.bytes > 0;
END
$$;

-- What of a vps is billed by use, where the seller's list says so: hours of a CPU, GB-months on the disk, millions of operations. What is
-- included is each vps's, a month.
CREATE OR REPLACE FUNCTION croft_rate_used(a billing_accounts, p_from timestamptz, p_to timestamptz, p_scale numeric DEFAULT 1)
RETURNS SETOF rated_line LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month numeric := croft_seconds(croft_month_start(p_from), croft_month_end(p_from));
    v_digits int := croft_currency_digits(a.currency);
BEGIN
    IF NOT EXISTS (SELECT FROM croft_price_spans(a.seller_id, a.currency, p_from, p_to) s JOIN price_items i ON i.version_id = s.version_id
            WHERE i.meter IN ('cpu', 'disk', 'io')) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH used AS (
        SELECT g.vps_id, g.tenant_id, g.location_id, g.version_id, g.from_ts, g.to_ts, g.samples, u.meter, u.raw * p_scale AS raw, u.per, u.unit,
            coalesce((i.item).price_unit, (i.item).price_month) AS price, (i.item).included
        FROM croft_usage_groups(a, p_from, p_to) g
        CROSS JOIN LATERAL (VALUES ('cpu', g.cpu_ns, 3600000000000::numeric, 'cpu_hour'), ('disk', g.disk_byte_seconds, 1000000000 * v_month, 'gb_month'),
            ('io', g.io_ops, 1000000, 'million')) u (meter, raw, per, unit)
        CROSS JOIN LATERAL (SELECT croft_price_item(g.version_id, u.meter, NULL, g.location_id) AS item) i
        WHERE (i.item).id IS NOT NULL AND u.raw > 0
    ), shared AS (
        SELECT u.*, greatest(sum(u.raw) OVER w - max(u.included) OVER w * u.per, 0) * u.raw / sum(u.raw) OVER w AS share, sum(u.samples) OVER () AS all_samples
        FROM used u WINDOW w AS (PARTITION BY u.vps_id, u.meter)
    )
    SELECT concat_ws('/', s.meter, s.vps_id, s.location_id, to_char(s.from_ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), s.vps_id, s.tenant_id,
        s.location_id, s.meter, croft_rate_label(s.vps_id, NULL, s.meter, NULL, 100), s.from_ts, s.to_ts, trim_scale(round(s.share / s.per, 9)), s.unit,
        trim_scale(s.price), round(s.share * s.price / s.per, v_digits), a.currency, NULL::numeric, NULL::numeric, NULL::text, s.version_id,
        jsonb_build_object('used', trim_scale(round(s.raw, 6))::text, 'included', trim_scale(s.included)::text, 'price_source', 'book', 'samples', s.samples,
            'account_samples', s.all_samples)
    FROM shared s;
END
$$;

-- Snapshots of a vps, by the second and byte.
CREATE OR REPLACE FUNCTION croft_rate_snapshots(a billing_accounts, p_from timestamptz, p_to timestamptz) RETURNS SETOF rated_line
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_month numeric := croft_seconds(croft_month_start(p_from), croft_month_end(p_from));
BEGIN
    RETURN QUERY
    WITH kept AS (
        SELECT p.vps_id, p.tenant_id, x.version_id, x.from_ts, x.to_ts, count(*) AS snapshots,
            sum(croft_seconds(greatest(p.from_ts, x.from_ts), least(coalesce(p.to_ts, x.to_ts), x.to_ts))) AS seconds,
            sum(p.size_bytes * croft_seconds(greatest(p.from_ts, x.from_ts), least(coalesce(p.to_ts, x.to_ts), x.to_ts))) AS byte_seconds
        FROM croft_price_spans(a.seller_id, a.currency, p_from, p_to) x
        CROSS JOIN tenants t
        JOIN snapshot_periods p ON p.tenant_id = t.id AND p.from_ts < x.to_ts AND (p.to_ts IS NULL OR p.to_ts > x.from_ts)
        WHERE t.path @> ARRAY[a.tenant_id] AND p.size_bytes IS NOT NULL AND x.version_id IS NOT NULL
        GROUP BY p.vps_id, p.tenant_id, x.version_id, x.from_ts, x.to_ts
    )
    SELECT concat_ws('/', 'snapshot', k.vps_id, to_char(k.from_ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), k.vps_id, k.tenant_id, w.location_id,
        'snapshot', croft_rate_label(k.vps_id, NULL, 'snapshot', NULL, 100) || ', snapshots', k.from_ts, k.to_ts,
        trim_scale(round(k.byte_seconds / (1000000000 * v_month), 9)), 'gb_month', trim_scale(i.price_month),
        round(k.byte_seconds * i.price_month / (1000000000 * v_month), croft_currency_digits(a.currency)), a.currency, NULL::numeric, NULL::numeric,
        NULL::text, k.version_id, jsonb_build_object('snapshots', k.snapshots, 'seconds', k.seconds, 'byte_seconds', k.byte_seconds, 'price_source', 'book')
    FROM kept k
    CROSS JOIN LATERAL (SELECT p.location_id FROM vps_periods p WHERE p.vps_id = k.vps_id AND p.from_ts < k.to_ts ORDER BY p.from_ts DESC LIMIT 1) w
    CROSS JOIN LATERAL croft_price_item(k.version_id, 'snapshot', NULL, w.location_id) i
    WHERE i.id IS NOT NULL;
END
$$;
