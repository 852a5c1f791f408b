-- sort: id i.id uuid; name i.name text; created_at i.created_at timestamptz
SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN {next} END AS next_cursor
    FROM (
        SELECT {key}, croft_image_json(i)::text AS body, row_number() OVER (ORDER BY {order}) AS n
        FROM images i
        WHERE {after}
            AND (i.active OR i.tenant_id = croft_tenant_id())
            AND i.deleted_at IS NULL
            AND ($1::jsonb->'query'->'label' IS NULL
                OR i.labels @> ($1::jsonb->'query'->'label'->'is') AND croft_labels_match(i.labels, $1::jsonb->'query'->'label'))
        ORDER BY {order}
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
