SELECT status, body, etag, location FROM croft_admin_costs($1::jsonb)
