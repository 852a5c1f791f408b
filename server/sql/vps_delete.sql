SELECT status, body, etag, location FROM croft_vps_delete($1::jsonb)
