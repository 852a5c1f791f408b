SELECT status, body, etag, location FROM croft_admin_impersonation_create($1::jsonb)
