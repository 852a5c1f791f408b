SELECT 200 AS status, croft_invoice_detail_json(i)::text AS body, NULL::text AS etag, NULL::text AS location
FROM invoices i WHERE i.id = ($1::jsonb->>'id')::uuid
