SELECT status, body, etag, location FROM croft_admin_tenant_resume($1::jsonb)
