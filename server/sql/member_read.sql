SELECT 200 AS status, croft_member_json(m)::text AS body, croft_etag(m.version) AS etag, NULL::text AS location
FROM memberships m
WHERE m.user_id = ($1::jsonb->>'id')::uuid
    AND m.tenant_id = croft_tenant_id()
