SELECT user_id, password_hash FROM croft_credentials($1::text)
