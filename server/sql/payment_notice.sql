SELECT status, body, etag, location FROM croft_payment_notice($1::jsonb)
