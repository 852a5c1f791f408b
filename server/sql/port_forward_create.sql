SELECT status, body, etag, location FROM croft_port_forward_create($1::jsonb)
