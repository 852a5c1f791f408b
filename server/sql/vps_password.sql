SELECT status, body, etag, location FROM croft_vps_password($1::jsonb)
