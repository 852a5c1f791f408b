SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT i.id AS id, croft_invitation_json(i)::text AS body, row_number() OVER (ORDER BY i.id) AS n
        FROM invitations_visible i
        WHERE i.id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND i.tenant_id = croft_tenant_id()
        ORDER BY i.id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
