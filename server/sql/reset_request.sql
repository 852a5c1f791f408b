SELECT status, body, etag, location FROM croft_reset_request($1::jsonb)
