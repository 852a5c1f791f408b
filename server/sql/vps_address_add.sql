SELECT status, body, etag, location FROM croft_vps_address_add($1::jsonb)
