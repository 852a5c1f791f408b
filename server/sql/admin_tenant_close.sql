SELECT status, body, etag, location FROM croft_admin_tenant_close($1::jsonb)
