SELECT status, body, etag, location FROM croft_seller_set($1::jsonb)
