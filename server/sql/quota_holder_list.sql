SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT h.id, croft_holder_json(h)::text AS body, row_number() OVER (ORDER BY h.id) AS n
        FROM croft_holders(croft_tenant_id(), $1::jsonb->'query'->>'resource',
            CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END, croft_limit($1::jsonb) + 1) h
        ORDER BY h.id
    ) item
) page
