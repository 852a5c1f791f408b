SELECT status, body, etag, location FROM croft_tenant_suspend($1::jsonb)
