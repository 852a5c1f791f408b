SELECT * FROM croft_webhook_claim($1::jsonb)
