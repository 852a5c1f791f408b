SELECT 200 AS status, croft_seller_json(s)::text AS body, croft_etag(s.version) AS etag, NULL::text AS location
FROM billing_sellers s JOIN tenants t ON t.id = s.tenant_id WHERE t.kind = 'operator' AND $1::jsonb IS NOT NULL
