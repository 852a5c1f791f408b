SELECT 200 AS status, croft_port_forward_json(f)::text AS body, croft_etag(f.version) AS etag, NULL::text AS location
FROM port_forwards f
WHERE f.id = ($1::jsonb->>'id')::uuid AND f.tenant_id = croft_tenant_id() AND f.release_generation IS NULL
