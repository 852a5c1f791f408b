SELECT 200 AS status, croft_check_report_json(n.id)::text AS body, croft_check_report_etag(n.id) AS etag, NULL::text AS location
FROM nodes n
WHERE n.id = ($1::jsonb->>'id')::uuid
