SELECT status, body, etag, location FROM croft_image_index_seen($1::jsonb)
