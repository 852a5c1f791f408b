SELECT status, body, etag, location FROM croft_admin_join_token_create($1::jsonb)
