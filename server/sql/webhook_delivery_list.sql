SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT d.id, croft_delivery_json(d)::text AS body, row_number() OVER (ORDER BY d.id DESC) AS n
        FROM webhook_deliveries d
        WHERE d.id < CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_max()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND d.tenant_id = croft_tenant_id()
            AND d.webhook_id = ($1::jsonb->>'id')::uuid
            AND ($1::jsonb->'query'->>'state' IS NULL OR d.state = ($1::jsonb->'query'->>'state'))
        ORDER BY d.id DESC
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
WHERE EXISTS (SELECT FROM webhooks_visible w WHERE w.id = ($1::jsonb->>'id')::uuid AND w.tenant_id = croft_tenant_id())
