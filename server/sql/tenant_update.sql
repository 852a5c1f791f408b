SELECT status, body, etag, location FROM croft_tenant_update($1::jsonb)
