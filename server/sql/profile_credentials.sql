SELECT user_id, email, password_hash, totp_secret, totp_pending, wait_s FROM croft_profile_credentials($1::uuid)
