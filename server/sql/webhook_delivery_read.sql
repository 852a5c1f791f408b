SELECT 200 AS status, croft_delivery_json(d)::text AS body, NULL::text AS etag, NULL::text AS location
FROM webhook_deliveries d WHERE d.id = ($1::jsonb->>'id')::uuid AND d.tenant_id = croft_tenant_id()
