SELECT status, body, etag, location FROM croft_image_index($1::jsonb)
