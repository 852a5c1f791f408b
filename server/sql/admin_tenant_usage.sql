SELECT status, body, etag, location FROM croft_admin_tenant_usage($1::jsonb)
