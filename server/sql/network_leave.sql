SELECT status, body, etag, location FROM croft_network_leave($1::jsonb)
