SELECT 200 AS status, croft_usage_evidence_json(v, u.from_ts, u.to_ts)::text AS body, NULL::text AS etag, NULL::text AS location
FROM vps v, croft_usage_range($1::jsonb) u
WHERE v.id = ($1::jsonb->>'id')::uuid AND v.tenant_id = croft_tenant_id()
