SELECT 200 AS status, croft_seller_json(s)::text AS body, croft_etag(s.version) AS etag, NULL::text AS location
FROM billing_sellers s WHERE s.tenant_id = croft_tenant_id() AND $1::jsonb IS NOT NULL
