SELECT 200 AS status, croft_price_version_json(v)::text AS body, NULL::text AS etag, NULL::text AS location
FROM price_book_versions v
WHERE v.id = ($1::jsonb->>'id')::uuid
