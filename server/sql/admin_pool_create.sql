SELECT status, body, etag, location FROM croft_admin_pool_create($1::jsonb)
