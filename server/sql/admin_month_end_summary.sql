SELECT 200 AS status, croft_month_summary_json(croft_month($1::jsonb->'query'->>'month', '/month'))::text AS body, NULL::text AS etag, NULL::text AS location
