SELECT status, body, etag, location FROM croft_network_delete($1::jsonb)
