SELECT status, body, etag, location FROM croft_webhook_update($1::jsonb)
