SELECT 200 AS status, croft_snapshot_json(s)::text AS body, croft_etag(s.version) AS etag, NULL::text AS location
FROM snapshots s
WHERE s.id = ($1::jsonb->>'id')::uuid AND s.tenant_id = croft_tenant_id()
