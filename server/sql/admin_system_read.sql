SELECT 200 AS status, croft_admin_system()::text AS body, NULL::text AS etag, NULL::text AS location
WHERE $1::jsonb IS NOT NULL
