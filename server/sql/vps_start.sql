SELECT status, body, etag, location FROM croft_vps_start($1::jsonb)
