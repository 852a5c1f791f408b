SELECT status, body, etag, location FROM croft_operator_ensure($1::jsonb)
