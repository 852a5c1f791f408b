SELECT status, body, etag, location FROM croft_console_create($1::jsonb)
