SELECT 200 AS status, croft_token_json(t)::text AS body, NULL::text AS etag, NULL::text AS location
FROM tokens_visible t
WHERE t.id = ($1::jsonb->>'id')::uuid
    AND t.tenant_id = croft_tenant_id()
