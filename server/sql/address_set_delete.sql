SELECT status, body, etag, location FROM croft_address_set_delete($1::jsonb)
