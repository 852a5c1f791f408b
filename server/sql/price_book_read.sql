SELECT 200 AS status, croft_price_book_json(b)::text AS body, croft_etag(b.version) AS etag, NULL::text AS location
FROM price_books b
WHERE b.id = ($1::jsonb->>'id')::uuid AND b.seller_id = croft_tenant_id()
