SELECT status, body, etag, location FROM croft_tenant_create($1::jsonb)
