SELECT status, body, etag, location FROM croft_admin_payment_record($1::jsonb)
