SELECT 200 AS status, croft_pool_json(p)::text AS body, croft_etag(p.version) AS etag, NULL::text AS location
FROM pools p
WHERE p.id = ($1::jsonb->>'id')::uuid
