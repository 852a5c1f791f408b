SELECT 200 AS status, croft_profile_json(u)::text AS body, croft_etag(u.version) AS etag, NULL::text AS location
FROM users_visible u
WHERE u.id = croft_user_id() AND $1::jsonb IS NOT NULL
