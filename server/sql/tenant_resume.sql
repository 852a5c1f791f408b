SELECT status, body, etag, location FROM croft_tenant_resume($1::jsonb)
