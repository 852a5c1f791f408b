SELECT status, body, etag, location FROM croft_admin_vps_lose($1::jsonb)
