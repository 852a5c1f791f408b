SELECT status, body, etag, location FROM croft_vps_undelete($1::jsonb)
