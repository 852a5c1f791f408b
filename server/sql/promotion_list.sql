SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT x.id, croft_promotion_json(x)::text AS body, row_number() OVER (ORDER BY x.id DESC) AS n
        FROM promotions x
        WHERE x.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_max()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND x.seller_id = croft_tenant_id()
        ORDER BY x.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
