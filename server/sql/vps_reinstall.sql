SELECT status, body, etag, location FROM croft_vps_reinstall($1::jsonb)
