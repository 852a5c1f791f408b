SELECT status, body, etag, location FROM croft_vps_publish($1::jsonb)
