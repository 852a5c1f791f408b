SELECT status, body, etag, location FROM croft_admin_image_update($1::jsonb)
