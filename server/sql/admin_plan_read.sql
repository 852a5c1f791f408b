SELECT 200 AS status, croft_plan_json(p)::text AS body, croft_plan_etag(p) AS etag, NULL::text AS location
FROM plans_now p
WHERE p.id = ($1::jsonb->>'id')::uuid
