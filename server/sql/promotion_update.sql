SELECT status, body, etag, location FROM croft_promotion_update($1::jsonb)
