SELECT user_id, password_hash, totp_secret, wait_s, known FROM croft_credentials($1::jsonb)
