SELECT 200 AS status, page.body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT array_agg(item.body) AS bodies, array_agg(item.cursor) AS cursors
    FROM (
        SELECT croft_vps_json(v)::text AS body, croft_cursor(v.id) AS cursor
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
) rows, croft_page(rows.bodies, rows.cursors, croft_limit($1::jsonb)) page
