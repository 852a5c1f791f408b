SELECT status, body, etag, location FROM croft_admin_image_delete($1::jsonb)
