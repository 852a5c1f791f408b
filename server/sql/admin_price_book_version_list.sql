SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT v.id, croft_price_version_json(v)::text AS body, row_number() OVER (ORDER BY v.id) AS n
        FROM price_book_versions v
        WHERE v.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND v.book_id = ($1::jsonb->>'id')::uuid
        ORDER BY v.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
WHERE EXISTS (SELECT FROM price_books b WHERE b.id = ($1::jsonb->>'id')::uuid)
