SELECT status, body, etag, location FROM croft_admin_promotion_update($1::jsonb)
