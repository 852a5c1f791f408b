SELECT status, body, etag, location FROM croft_admin_payment_provider_update($1::jsonb)
