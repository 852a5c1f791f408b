SELECT CASE WHEN t.ended_at IS NULL THEN 202
            WHEN t.kind IN ('vps_create', 'vps_clone', 'vps_snapshot', 'vps_publish') AND t.status = 'done' THEN 201
            ELSE 200 END AS status,
    CASE WHEN t.kind IN ('vps_snapshot', 'vps_snapshot_delete')
        THEN json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v),
            'snapshot', CASE WHEN s.id IS NOT NULL THEN croft_snapshot_json(s) END)
        WHEN t.kind = 'vps_publish'
        THEN json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v),
            'image', (SELECT croft_image_json(i) FROM images i WHERE i.id = (t.args->>'image')::uuid))
        ELSE json_build_object('task', croft_task_json(t), 'vps', croft_vps_json(v)) END::text AS body,
    NULL::text AS etag, CASE WHEN s.id IS NOT NULL THEN '/v1/snapshots/' || s.id
        WHEN t.kind = 'vps_publish' THEN '/v1/images/' || (t.args->>'image') ELSE '/v1/vps/' || v.id END AS location
FROM tasks t
JOIN vps v ON v.id = t.vps_id
LEFT JOIN snapshots s ON t.kind IN ('vps_snapshot', 'vps_snapshot_delete') AND s.id = (t.args->>'snapshot')::uuid
WHERE t.id = ($1::jsonb->>'id')::uuid AND t.tenant_id = croft_tenant_id()
