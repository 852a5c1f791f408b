SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT d.id AS id, croft_drift_json(d)::text AS body, row_number() OVER (ORDER BY d.id) AS n
        FROM node_drift d
        WHERE d.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND d.node_id = ($1::jsonb->>'id')::uuid
        ORDER BY d.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
WHERE EXISTS (SELECT FROM nodes n WHERE n.id = ($1::jsonb->>'id')::uuid)
