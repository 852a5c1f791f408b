SELECT 200 AS status, croft_firewall_json(v.id)::text AS body, croft_firewall_etag(v.id) AS etag, NULL::text AS location
FROM vps v
WHERE v.id = ($1::jsonb->>'id')::uuid AND v.tenant_id = croft_tenant_id() AND v.deleted_at IS NULL
