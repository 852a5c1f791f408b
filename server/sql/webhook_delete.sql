SELECT status, body, etag, location FROM croft_webhook_delete($1::jsonb)
