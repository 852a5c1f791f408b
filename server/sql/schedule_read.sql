SELECT 200 AS status, croft_schedule_json(c)::text AS body, croft_etag(c.version) AS etag, NULL::text AS location
FROM snapshot_schedules c
WHERE c.vps_id = ($1::jsonb->>'id')::uuid AND c.tenant_id = croft_tenant_id()
