SELECT status, body, etag, location FROM croft_vps_create($1::jsonb)
