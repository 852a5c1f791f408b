SELECT status, body, etag, location FROM croft_vps_clone($1::jsonb)
