SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(row.body) AS bodies, array_agg(row.cursor) AS cursors
    FROM (
        SELECT croft_event_json(e)::text AS body, croft_cursor(e.id) AS cursor
        FROM events e
        WHERE e.id < CASE WHEN $1->'query'->>'cursor' IS NULL THEN 9223372036854775807
                    ELSE croft_cursor_bigint($1->'query'->>'cursor') END
            AND ($1->'query'->>'tenant_id' IS NULL OR e.tenant_id = ($1->'query'->>'tenant_id')::uuid)
            AND ($1->'query'->>'node_id' IS NULL
                OR e.subject_type = 'node' AND e.subject_id = ($1->'query'->>'node_id')::uuid)
        ORDER BY e.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) row
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
