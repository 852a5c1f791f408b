SELECT status, body, etag, location FROM croft_reset_confirm($1::jsonb)
