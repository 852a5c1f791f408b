SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(item.body) AS bodies, array_agg(item.cursor) AS cursors
    FROM (
        SELECT croft_task_json(t)::text AS body, croft_cursor(t.id) AS cursor
        FROM tasks t
        WHERE t.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_max()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND t.tenant_id = croft_tenant_id()
            AND ($1::jsonb->'query'->>'status' IS NULL OR t.status = ($1::jsonb->'query'->>'status'))
            AND ($1::jsonb->'query'->>'vps_id' IS NULL OR t.vps_id = ($1::jsonb->'query'->>'vps_id')::uuid)
        ORDER BY t.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
