SELECT status, body, etag, location FROM croft_user_rescue($1::jsonb)
