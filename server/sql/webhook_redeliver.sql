SELECT status, body, etag, location FROM croft_webhook_redeliver($1::jsonb)
