SELECT status, body, etag, location FROM croft_admin_user_update($1::jsonb)
