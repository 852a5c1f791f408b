SELECT status, body, etag, location FROM croft_admin_location_update($1::jsonb)
