SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(item.body) AS bodies, array_agg(item.cursor) AS cursors
    FROM (
        SELECT croft_node_json(n)::text AS body, croft_cursor(n.id) AS cursor
        FROM nodes n
        WHERE n.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
        ORDER BY n.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
