SELECT status, body, etag, location FROM croft_child_costs($1::jsonb)
