SELECT status, body, etag, location FROM croft_vps_rescue($1::jsonb)
