SELECT status, body, etag, location FROM croft_webhook_create($1::jsonb)
