SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT o.plan_id AS id, croft_plan_offer_json(o)::text AS body, row_number() OVER (ORDER BY o.plan_id) AS n
        FROM plan_offers o
        WHERE o.plan_id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND o.seller_id = croft_tenant_id()
        ORDER BY o.plan_id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
