SELECT status, body, etag, location FROM croft_password_change($1::jsonb)
