SELECT status, body, etag, location FROM croft_totp_confirm($1::jsonb)
