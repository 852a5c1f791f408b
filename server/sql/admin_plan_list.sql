-- sort: id p.id uuid; name p.name text; vcpus p.vcpus bigint; memory_bytes p.memory_bytes bigint; price_month p.price_month numeric
SELECT 200 AS status, croft_page(page.items, page.next_cursor) AS body, NULL::text AS etag, page.next_cursor AS location
FROM (
    SELECT string_agg(item.body, ',') FILTER (WHERE item.n <= croft_limit($1::jsonb)) AS items,
        CASE WHEN count(*) > croft_limit($1::jsonb)
            THEN {next} END AS next_cursor
    FROM (
        SELECT {key}, croft_plan_json(p)::text AS body, row_number() OVER (ORDER BY {order}) AS n
        FROM plans_now p
        WHERE {after}
        ORDER BY {order}
        LIMIT croft_limit($1::jsonb) + 1
    ) item
) page
