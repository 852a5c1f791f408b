SELECT CASE WHEN t.ended_at IS NULL THEN 202
            WHEN t.kind IN ('vps_create', 'vps_clone', 'vps_snapshot') AND t.status = 'done' THEN 201
            ELSE 200 END AS status,
    CASE WHEN t.kind NOT IN ('vps_snapshot', 'vps_snapshot_delete')
        THEN json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v))
        ELSE json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v),
            'snapshot', CASE WHEN s.id IS NOT NULL THEN croft_snapshot_json(s) END) END::text AS body,
    NULL::text AS etag, CASE WHEN s.id IS NULL THEN '/v1/vps/' || v.id ELSE '/v1/snapshots/' || s.id END AS location
FROM tasks t
JOIN vps v ON v.id = t.vps_id
LEFT JOIN snapshots s ON t.kind IN ('vps_snapshot', 'vps_snapshot_delete') AND s.id = (t.args->>'snapshot')::uuid
WHERE t.id = ($1::jsonb->>'id')::uuid AND t.tenant_id = croft_tenant_id()
