SELECT 200 AS status, croft_plan_json(ROW(p.*)::plans_now)::text AS body, croft_plan_etag(ROW(p.*)::plans_now) AS etag, NULL::text AS location
FROM plans_offered p
WHERE p.id = ($1::jsonb->>'id')::uuid
