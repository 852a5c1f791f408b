SELECT status, body, etag, location FROM croft_session_delete($1::jsonb)
