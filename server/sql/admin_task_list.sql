SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(row.body) AS bodies, array_agg(row.cursor) AS cursors
    FROM (
        SELECT croft_task_json(t)::text AS body, croft_cursor(t.id) AS cursor
        FROM tasks t
        WHERE t.id < CASE WHEN $1->'query'->>'cursor' IS NULL THEN croft_uuid_max()
                    ELSE croft_cursor_uuid($1->'query'->>'cursor') END
            AND ($1->'query'->>'tenant_id' IS NULL OR t.tenant_id = ($1->'query'->>'tenant_id')::uuid)
            AND ($1->'query'->>'node_id' IS NULL OR t.node_id = ($1->'query'->>'node_id')::uuid)
            AND ($1->'query'->>'status' IS NULL OR t.status = ($1->'query'->>'status'))
        ORDER BY t.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) row
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
