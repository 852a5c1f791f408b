SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT b.id, croft_price_book_json(b)::text AS body, row_number() OVER (ORDER BY b.id) AS n
        FROM price_books b
        WHERE b.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND ($1::jsonb->'query'->>'seller_id' IS NULL OR b.seller_id = ($1::jsonb->'query'->>'seller_id')::uuid)
        ORDER BY b.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
