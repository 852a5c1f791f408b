SELECT 200 AS status, croft_image_json(i)::text AS body, croft_etag(i.version) AS etag, NULL::text AS location
FROM images i
WHERE i.id = ($1::jsonb->>'id')::uuid
    AND i.deleted_at IS NULL
