SELECT 200 AS status, croft_viewers_json(ARRAY(SELECT x.tenant_id FROM plan_tenants x WHERE x.plan_id = o.id ORDER BY x.tenant_id))::text AS body,
    croft_etag(o.version) AS etag, NULL::text AS location
FROM plans o
WHERE o.id = ($1::jsonb->>'id')::uuid
