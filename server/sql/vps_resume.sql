SELECT status, body, etag, location FROM croft_vps_resume($1::jsonb)
