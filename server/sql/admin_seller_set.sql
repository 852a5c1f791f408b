SELECT status, body, etag, location FROM croft_admin_seller_set($1::jsonb)
