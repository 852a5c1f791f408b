SELECT status, body, etag, location FROM croft_token_create($1::jsonb)
