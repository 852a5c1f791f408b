SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT v.id, v.body, row_number() OVER (ORDER BY v.id) AS n
        FROM vps v
        WHERE v.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND v.tenant_id = croft_tenant_id()
            AND v.deleted_at IS NULL
            AND ($1::jsonb->'query'->>'name' IS NULL OR v.name = ($1::jsonb->'query'->>'name'))
            AND ($1::jsonb->'query'->>'observed' IS NULL OR v.observed = ($1::jsonb->'query'->>'observed'))
            AND ($1::jsonb->'query'->>'location_id' IS NULL OR v.location_id = ($1::jsonb->'query'->>'location_id')::uuid)
        ORDER BY v.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
