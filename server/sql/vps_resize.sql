SELECT status, body, etag, location FROM croft_vps_resize($1::jsonb)
