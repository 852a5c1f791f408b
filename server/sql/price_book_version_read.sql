SELECT 200 AS status, croft_price_version_json(v)::text AS body, NULL::text AS etag, NULL::text AS location
FROM price_book_versions v JOIN price_books b ON b.id = v.book_id
WHERE v.id = ($1::jsonb->>'id')::uuid AND b.seller_id = croft_tenant_id()
