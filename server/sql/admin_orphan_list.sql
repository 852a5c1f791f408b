SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        SELECT o.vps_id AS id, croft_orphan_json(o)::text AS body, row_number() OVER (ORDER BY o.vps_id) AS n
        FROM node_orphans o
        WHERE o.vps_id > CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_uuid_min()
                    ELSE croft_cursor_uuid($1::jsonb->'query'->>'cursor') END
            AND o.node_id = ($1::jsonb->>'id')::uuid
        ORDER BY o.vps_id
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
WHERE EXISTS (SELECT FROM nodes n WHERE n.id = ($1::jsonb->>'id')::uuid)
