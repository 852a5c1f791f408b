SELECT status, body, etag, location FROM croft_vps_address_remove($1::jsonb)
