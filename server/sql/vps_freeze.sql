SELECT status, body, etag, location FROM croft_vps_freeze($1::jsonb)
