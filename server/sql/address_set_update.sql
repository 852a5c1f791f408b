SELECT status, body, etag, location FROM croft_address_set_update($1::jsonb)
