SELECT status, body, etag, location FROM croft_totp_delete($1::jsonb)
