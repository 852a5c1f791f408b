SELECT status, body, etag, location FROM croft_address_set_create($1::jsonb)
