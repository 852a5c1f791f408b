SELECT 200 AS status, croft_account_json(a)::text AS body, croft_account_etag(a) AS etag, NULL::text AS location
FROM billing_accounts a WHERE a.tenant_id = croft_tenant_id() AND $1::jsonb IS NOT NULL
