SELECT 200 AS status, croft_quotas_json(t.id)::text AS body, croft_quota_etag(t.id) AS etag, NULL::text AS location
FROM tenants t
WHERE t.id = ($1::jsonb->>'id')::uuid
