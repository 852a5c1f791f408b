SELECT status, body, etag, location FROM croft_session_refresh($1::jsonb)
