SELECT status, body, etag, location FROM croft_admin_tenant_create($1::jsonb)
