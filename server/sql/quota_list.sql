SELECT 200 AS status, croft_quotas_json(croft_tenant_id())::text AS body, NULL::text AS etag, NULL::text AS location
WHERE $1::jsonb IS NOT NULL
