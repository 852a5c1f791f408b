SELECT status, body, etag, location FROM croft_network_create($1::jsonb)
