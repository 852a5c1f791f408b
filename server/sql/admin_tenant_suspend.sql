SELECT status, body, etag, location FROM croft_admin_tenant_suspend($1::jsonb)
