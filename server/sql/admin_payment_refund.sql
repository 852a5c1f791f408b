SELECT status, body, etag, location FROM croft_admin_payment_refund($1::jsonb)
