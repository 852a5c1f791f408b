SELECT status, body, etag, location FROM croft_vps_unrescue($1::jsonb)
