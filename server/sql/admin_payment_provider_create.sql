SELECT status, body, etag, location FROM croft_admin_payment_provider_create($1::jsonb)
