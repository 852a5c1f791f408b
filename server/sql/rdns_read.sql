SELECT 200 AS status, croft_rdns_json(v.id)::text AS body, croft_rdns_etag(v.id) AS etag, NULL::text AS location
FROM vps v
WHERE v.id = ($1::jsonb->>'id')::uuid AND v.tenant_id = croft_tenant_id() AND v.deleted_at IS NULL
