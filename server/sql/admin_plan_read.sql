SELECT 200 AS status, croft_plan_json(p)::text AS body, croft_etag(p.version) AS etag, NULL::text AS location
FROM plans p
WHERE p.id = ($1::jsonb->>'id')::uuid
