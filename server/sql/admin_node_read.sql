SELECT 200 AS status, croft_node_json(n)::text AS body, croft_node_etag(n) AS etag, NULL::text AS location
FROM nodes n
WHERE n.id = ($1::jsonb->>'id')::uuid
