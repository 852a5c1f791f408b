SELECT status, body, etag, location FROM croft_port_forward_delete($1::jsonb)
