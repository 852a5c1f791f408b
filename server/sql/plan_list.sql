SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(item.body) AS bodies, array_agg(item.cursor) AS cursors
    FROM (
        SELECT croft_plan_json(p)::text AS body, croft_cursor(p.id) AS cursor
        FROM plans p
        WHERE p.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND p.active
        ORDER BY p.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
