SELECT status, body, etag, location FROM croft_vps_thaw($1::jsonb)
