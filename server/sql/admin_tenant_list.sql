-- sort: id t.id uuid; name t.name text; created_at t.created_at timestamptz
SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN {next} END AS next_cursor
    FROM (
        SELECT {key}, croft_tenant_json(t)::text AS body, row_number() OVER (ORDER BY {order}) AS n
        FROM tenants t
        WHERE {after}
            AND ($1::jsonb->'query'->>'parent_id' IS NULL OR t.parent_id = ($1::jsonb->'query'->>'parent_id')::uuid)
            AND ($1::jsonb->'query'->>'kind' IS NULL OR t.kind = ($1::jsonb->'query'->>'kind'))
            AND ($1::jsonb->'query'->>'state' IS NULL OR t.effective_state = ($1::jsonb->'query'->>'state'))
            AND ($1::jsonb->'query'->>'name' IS NULL OR t.name = ($1::jsonb->'query'->>'name'))
            AND ($1::jsonb->'query'->>'external_ref' IS NULL OR t.external_ref = ($1::jsonb->'query'->>'external_ref'))
            AND ($1::jsonb->'query'->'label' IS NULL
                OR t.labels @> ($1::jsonb->'query'->'label'->'is') AND croft_labels_match(t.labels, $1::jsonb->'query'->'label'))
        ORDER BY {order}
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
