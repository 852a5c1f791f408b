SELECT CASE WHEN t.ended_at IS NULL THEN 202
            WHEN t.kind = 'vps_create' AND t.status = 'done' THEN 201
            ELSE 200 END AS status,
    json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v))::text AS body,
    NULL::text AS etag, '/v1/vps/' || v.id AS location
FROM tasks t
JOIN vps v ON v.id = t.vps_id
WHERE t.id = ($1::jsonb->>'id')::uuid AND t.tenant_id = croft_tenant_id()
