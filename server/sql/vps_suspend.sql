SELECT status, body, etag, location FROM croft_vps_suspend($1::jsonb)
