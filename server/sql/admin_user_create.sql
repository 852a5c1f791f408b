SELECT status, body, etag, location FROM croft_admin_user_create($1::jsonb)
