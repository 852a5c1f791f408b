SELECT 200 AS status, croft_principal_json()::text AS body, NULL::text AS etag, NULL::text AS location
WHERE $1::jsonb IS NOT NULL
