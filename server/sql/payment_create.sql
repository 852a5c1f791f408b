SELECT status, body, etag, location FROM croft_payment_create($1::jsonb)
