SELECT 200 AS status, croft_ssh_key_json(k)::text AS body, NULL::text AS etag, NULL::text AS location
FROM ssh_keys k
WHERE k.id = ($1::jsonb->>'id')::uuid AND k.tenant_id = croft_tenant_id()
