SELECT status, body, etag, location FROM croft_admin_export($1::jsonb)
