-- sort: id v.id uuid; name v.name text; created_at v.created_at timestamptz
SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN {next} END AS next_cursor
    FROM (
        SELECT {key}, v.body, row_number() OVER (ORDER BY {order}) AS n
        FROM vps v
        WHERE {after}
            AND v.deleted_at IS NULL
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR v.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'node_id' IS NULL OR v.node_id = ($1::jsonb->'query'->>'node_id')::uuid)
            AND ($1::jsonb->'query'->>'status' IS NULL OR v.observed = ($1::jsonb->'query'->>'status'))
            AND ($1::jsonb->'query'->>'external_ref' IS NULL OR v.external_ref = ($1::jsonb->'query'->>'external_ref'))
            AND ($1::jsonb->'query'->'label' IS NULL
                OR v.labels @> ($1::jsonb->'query'->'label'->'is') AND croft_labels_match(v.labels, $1::jsonb->'query'->'label'))
        ORDER BY {order}
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
