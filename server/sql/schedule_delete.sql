SELECT status, body, etag, location FROM croft_schedule_delete($1::jsonb)
