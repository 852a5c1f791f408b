SELECT status, body, etag, location FROM croft_schedule_set($1::jsonb)
