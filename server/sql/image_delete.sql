SELECT status, body, etag, location FROM croft_image_delete($1::jsonb)
