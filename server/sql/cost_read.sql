SELECT status, body, etag, location FROM croft_costs($1::jsonb)
