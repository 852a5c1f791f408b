SELECT status, body, etag, location FROM croft_admin_task_cancel($1::jsonb)
