SELECT status, body, etag, location FROM croft_sessions_rescue($1::jsonb)
