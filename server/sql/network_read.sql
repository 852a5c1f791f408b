SELECT 200 AS status, croft_network_json(n)::text AS body, croft_etag(n.version) AS etag, NULL::text AS location
FROM networks n
WHERE n.id = ($1::jsonb->>'id')::uuid AND n.tenant_id = croft_tenant_id()
