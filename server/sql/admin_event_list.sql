SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT e.id, croft_event_json(e)::text AS body, row_number() OVER (ORDER BY e.id DESC) AS n
        FROM events e
        WHERE e.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN 9223372036854775807
                    ELSE croft_cursor_bigint($1::jsonb->'query'->>'cursor') END
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR e.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'node_id' IS NULL
                OR e.subject_type = 'node' AND e.subject_id = ($1::jsonb->'query'->>'node_id')::uuid)
        ORDER BY e.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
