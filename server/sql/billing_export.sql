SELECT status, body, etag, location FROM croft_export($1::jsonb)
