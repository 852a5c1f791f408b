SELECT 200 AS status, croft_evidence_json(v)::text AS body, NULL::text AS etag, NULL::text AS location
FROM vps v
WHERE v.id = ($1::jsonb->>'id')::uuid AND v.tenant_id = croft_tenant_id() AND v.deleted_at IS NULL
