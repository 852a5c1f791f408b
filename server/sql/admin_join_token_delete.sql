SELECT status, body, etag, location FROM croft_admin_join_token_delete($1::jsonb)
