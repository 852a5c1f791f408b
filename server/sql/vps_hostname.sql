SELECT status, body, etag, location FROM croft_vps_hostname($1::jsonb)
