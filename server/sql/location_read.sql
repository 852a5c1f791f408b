SELECT 200 AS status, croft_location_json(l)::text AS body, croft_etag(l.version) AS etag, NULL::text AS location
FROM locations l
WHERE l.id = ($1::jsonb->>'id')::uuid
