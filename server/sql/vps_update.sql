SELECT status, body, etag, location FROM croft_vps_update($1::jsonb)
