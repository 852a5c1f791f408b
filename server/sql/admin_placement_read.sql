SELECT 200 AS status, croft_placement_ask($1::jsonb->'query')::text AS body, NULL::text AS etag, NULL::text AS location
