SELECT status, body, etag, location FROM croft_tenant_usage($1::jsonb)
