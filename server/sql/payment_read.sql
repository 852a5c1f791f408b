SELECT 200 AS status, croft_payment_json(p)::text AS body, NULL::text AS etag, NULL::text AS location
FROM payments p WHERE p.id = ($1::jsonb->>'id')::uuid AND (p.tenant_id = croft_tenant_id() OR p.seller_id = croft_tenant_id())
