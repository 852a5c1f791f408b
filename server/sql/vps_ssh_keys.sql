SELECT status, body, etag, location FROM croft_vps_ssh_keys($1::jsonb)
