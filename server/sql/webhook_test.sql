SELECT status, body, etag, location FROM croft_webhook_test($1::jsonb)
