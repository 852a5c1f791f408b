SELECT 200 AS status, croft_task_json(t)::text AS body, croft_etag(t.version) AS etag, NULL::text AS location
FROM tasks t
WHERE t.id = ($1::jsonb->>'id')::uuid
    AND t.tenant_id = croft_tenant_id()
