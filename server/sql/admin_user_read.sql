SELECT 200 AS status, croft_user_json(u)::text AS body, croft_etag(u.version) AS etag, NULL::text AS location
FROM users_visible u
WHERE u.id = ($1::jsonb->>'id')::uuid
