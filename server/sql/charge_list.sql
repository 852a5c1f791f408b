-- sort: -id c.id uuid
SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN {next} END AS next_cursor
    FROM (
        SELECT {key}, croft_charge_json(c)::text AS body, row_number() OVER (ORDER BY {order}) AS n
        FROM charges c
        WHERE {after}
            AND c.account_id = croft_tenant_id()
            AND ($1::jsonb->'query'->>'month' IS NULL OR c.month = croft_month_of($1::jsonb))
            AND ($1::jsonb->'query'->>'vps_id' IS NULL OR c.vps_id = ($1::jsonb->'query'->>'vps_id')::uuid)
            AND ($1::jsonb->'query'->>'invoice_id' IS NULL OR c.invoice_id = ($1::jsonb->'query'->>'invoice_id')::uuid)
        ORDER BY {order}
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
