SELECT status, body, etag, location FROM croft_webhook_rotate($1::jsonb)
