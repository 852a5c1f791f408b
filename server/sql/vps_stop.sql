SELECT status, body, etag, location FROM croft_vps_stop($1::jsonb)
