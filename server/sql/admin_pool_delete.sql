SELECT status, body, etag, location FROM croft_admin_pool_delete($1::jsonb)
