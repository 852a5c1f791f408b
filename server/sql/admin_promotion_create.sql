SELECT status, body, etag, location FROM croft_admin_promotion_create($1::jsonb)
