SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT x.id, croft_child_month_end_json(x)::text AS body, row_number() OVER (ORDER BY x.id DESC) AS n
        FROM month_ends x
        WHERE x.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_max()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND EXISTS (SELECT FROM billing_accounts b WHERE b.tenant_id = x.tenant_id AND b.seller_id = croft_tenant_id())
            AND ($1::jsonb->'query'->>'month' IS NULL OR x.month = croft_month($1::jsonb->'query'->>'month', '/month'))
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR x.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'state' IS NULL OR x.state = ($1::jsonb->'query'->>'state'))
        ORDER BY x.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
