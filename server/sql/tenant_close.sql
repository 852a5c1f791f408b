SELECT status, body, etag, location FROM croft_tenant_close($1::jsonb)
