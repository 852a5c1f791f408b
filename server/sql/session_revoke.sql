SELECT status, body, etag, location FROM croft_session_revoke($1::jsonb)
