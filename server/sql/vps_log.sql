SELECT status, body, etag, location FROM croft_vps_log($1::jsonb)
