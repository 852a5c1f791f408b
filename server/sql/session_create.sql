SELECT status, body, etag, location FROM croft_session_create($1::jsonb)
