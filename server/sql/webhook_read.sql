SELECT 200 AS status, croft_webhook_json(w)::text AS body, croft_etag(w.version) AS etag, NULL::text AS location
FROM webhooks_visible w WHERE w.id = ($1::jsonb->>'id')::uuid AND w.tenant_id = croft_tenant_id()
