SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(item.body) AS bodies, array_agg(item.cursor) AS cursors
    FROM (
        SELECT croft_event_json(e)::text AS body, croft_cursor(e.id) AS cursor
        FROM events e
        WHERE e.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN 9223372036854775807
                    ELSE croft_cursor_bigint($1::jsonb->'query'->>'cursor') END
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR e.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'node_id' IS NULL
                OR e.subject_type = 'node' AND e.subject_id = ($1::jsonb->'query'->>'node_id')::uuid)
        ORDER BY e.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
