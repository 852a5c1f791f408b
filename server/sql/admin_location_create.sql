SELECT status, body, etag, location FROM croft_admin_location_create($1::jsonb)
