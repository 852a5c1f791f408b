SELECT status, body, etag, location FROM croft_firewall_set($1::jsonb)
