SELECT status, body, etag, location FROM croft_token_delete($1::jsonb)
