SELECT status, body, etag, location FROM croft_vps_reboot($1::jsonb)
