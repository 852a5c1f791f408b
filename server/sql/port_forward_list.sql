SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT f.id, croft_port_forward_json(f)::text AS body, row_number() OVER (ORDER BY f.id) AS n
        FROM port_forwards f
        WHERE f.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND f.vps_id = ($1::jsonb->>'id')::uuid
            AND f.tenant_id = croft_tenant_id()
            AND f.release_generation IS NULL
        ORDER BY f.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
WHERE EXISTS (SELECT FROM vps v
    WHERE v.id = ($1::jsonb->>'id')::uuid AND v.tenant_id = croft_tenant_id() AND v.deleted_at IS NULL)
