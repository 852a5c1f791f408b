SELECT status, body, etag, location FROM croft_network_join($1::jsonb)
