SELECT status, body, etag, location FROM croft_admin_tenant_update($1::jsonb)
