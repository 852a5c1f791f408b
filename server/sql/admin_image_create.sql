SELECT status, body, etag, location FROM croft_admin_image_create($1::jsonb)
