SELECT status, body, etag, location FROM croft_totp_begin($1::jsonb)
