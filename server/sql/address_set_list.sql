SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT s.id, croft_address_set_json(s)::text AS body, row_number() OVER (ORDER BY s.id) AS n
        FROM address_sets s
        WHERE s.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND s.tenant_id = croft_tenant_id()
        ORDER BY s.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
