SELECT 200 AS status, croft_address_set_json(s)::text AS body, croft_etag(s.version) AS etag, NULL::text AS location
FROM address_sets s
WHERE s.id = ($1::jsonb->>'id')::uuid AND s.tenant_id = croft_tenant_id()
