SELECT status, body, etag, location FROM croft_admin_image_viewers_set($1::jsonb)
