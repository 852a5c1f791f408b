SELECT status, body, etag, location FROM croft_admin_task_retry($1::jsonb)
