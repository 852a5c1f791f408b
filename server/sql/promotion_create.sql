SELECT status, body, etag, location FROM croft_promotion_create($1::jsonb)
