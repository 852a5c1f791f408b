SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)]) END AS next_cursor
    FROM (
        -- Newest first, to read; what is written meanwhile is not part of it.
        (SELECT e.id, croft_event_json(e)::text AS body, row_number() OVER (ORDER BY e.xid DESC, e.id DESC) AS n
        FROM (SELECT) one
        CROSS JOIN LATERAL (SELECT CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN 9223372036854775807
            ELSE croft_cursor_bigint($1::jsonb->'query'->>'cursor') END AS id) place
        JOIN events e ON (e.xid, e.id) < (CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN croft_xid_max()
            ELSE croft_event_xid(place.id, '/cursor') END, place.id)
        WHERE $1::jsonb->'query'->>'after' IS NULL
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR e.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'node_id' IS NULL
                OR e.subject_type = 'node' AND e.subject_id = ($1::jsonb->'query'->>'node_id')::uuid)
            AND ($1::jsonb->'query'->>'action' IS NULL OR e.action = ($1::jsonb->'query'->>'action'))
            AND ($1::jsonb->'query'->>'subject_type' IS NULL OR e.subject_type = ($1::jsonb->'query'->>'subject_type'))
            AND ($1::jsonb->'query'->>'subject_id' IS NULL OR e.subject_id = ($1::jsonb->'query'->>'subject_id')::uuid)
            AND ($1::jsonb->'query'->>'since' IS NULL OR e.ts >= ($1::jsonb->'query'->>'since')::timestamptz)
        ORDER BY e.xid DESC, e.id DESC
        LIMIT croft_limit($1::jsonb) + 1)
        UNION ALL
        -- In order, to follow: what is not settled yet comes later, nothing comes before it any more.
        (SELECT e.id, croft_event_json(e)::text AS body, row_number() OVER (ORDER BY e.xid, e.id) AS n
        FROM (SELECT) one
        CROSS JOIN LATERAL (SELECT CASE WHEN $1::jsonb->'query'->>'cursor' IS NULL THEN ($1::jsonb->'query'->>'after')::bigint
            ELSE croft_cursor_bigint($1::jsonb->'query'->>'cursor') END AS id) place
        JOIN events e ON (e.xid, e.id) > (croft_event_xid(place.id, '/after'), place.id)
        WHERE $1::jsonb->'query'->>'after' IS NOT NULL AND e.xid < croft_horizon()
            AND ($1::jsonb->'query'->>'tenant_id' IS NULL OR e.tenant_id = ($1::jsonb->'query'->>'tenant_id')::uuid)
            AND ($1::jsonb->'query'->>'node_id' IS NULL
                OR e.subject_type = 'node' AND e.subject_id = ($1::jsonb->'query'->>'node_id')::uuid)
            AND ($1::jsonb->'query'->>'action' IS NULL OR e.action = ($1::jsonb->'query'->>'action'))
            AND ($1::jsonb->'query'->>'subject_type' IS NULL OR e.subject_type = ($1::jsonb->'query'->>'subject_type'))
            AND ($1::jsonb->'query'->>'subject_id' IS NULL OR e.subject_id = ($1::jsonb->'query'->>'subject_id')::uuid)
            AND ($1::jsonb->'query'->>'since' IS NULL OR e.ts >= ($1::jsonb->'query'->>'since')::timestamptz)
        ORDER BY e.xid, e.id
        LIMIT croft_limit($1::jsonb) + 1)
    ) item
) page
