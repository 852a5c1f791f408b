SELECT status, body, etag, location FROM croft_token_rescue($1::jsonb)
